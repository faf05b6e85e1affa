"""Signed tokens: what is believed, what is not, and that a refusal tells the log a reason that holds nothing of the token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.signed_token import (
    ALGORITHMS,
    LEEWAY_SECONDS,
    MOST_CHARACTERS,
    Claims,
    TokenRefusedError,
    is_signed_token,
    key_for,
    key_of,
    read_header,
    verified,
)
from tests.fakes.identity import AUDIENCE, IdentityProviderFake, Json, SigningKey, ed448_key, rsa_key

ISSUER = "https://login.example/"
NOW = time.time()
RSA, EC = SigningKey.of("RS256", "rsa"), SigningKey.of("ES256", "ec")
PROVIDER = IdentityProviderFake([RSA, EC], ISSUER, clock=lambda: NOW)


def read(token: str, *jwks: Json) -> Claims:
    """The claims of a token, checked by the keys of a key set: RSA's and EC's where none is given."""
    header = read_header(token)
    keys = [key for key in map(key_of, jwks or (RSA.jwk, EC.jwk)) if key is not None]
    key = key_for(header, keys)
    if key is None:
        raise TokenRefusedError("no key")
    return verified(token, header, key, issuer=ISSUER, audience=AUDIENCE, now=NOW)


def refused(token: str, *jwks: Json) -> str:
    """Why."""
    with pytest.raises(TokenRefusedError) as refusal:
        read(token, *jwks)
    assert not any(part in str(refusal.value) for part in token.split(".") if len(part) > 3)
    return str(refusal.value)


def encoded(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_hmac(header: Json, claims: Json, secret: bytes) -> str:
    """A token whose signature everybody can make who knows the secret."""
    content = f"{encoded(header)}.{encoded(claims)}"
    return f"{content}.{encoded(hmac.digest(secret, content.encode(), hashlib.sha256))}"


# --- form ---
def test_only_three_parts_that_begin_an_object_are_a_signed_token() -> None:
    token = EC.sign(PROVIDER.claims())
    assert is_signed_token(token)
    assert is_signed_token(f"{token.rpartition('.')[0]}.")
    others = ["", "vg_0123456789", "one.two.three", f"{token}.more.parts", f"{token} ", token.rpartition(".")[0]]
    assert not any(map(is_signed_token, others))


@pytest.mark.parametrize(
    "token",
    [
        "eyJ.e30.AAAA",
        f"{encoded(b'[1]')}.e30.AAAA",
        f"{encoded(b'{' * 9000)}.e30.AAAA",
        f"{encoded(b'[' * 9000)}.e30.AAAA",
        f"{encoded(bytes([255, 254]))}.e30.AAAA",
        "a",
        "",
    ],
)
def test_what_is_no_token_cannot_be_read(token: str) -> None:
    assert refused(token) == "it cannot be read"


def test_a_token_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(EC.sign(PROVIDER.claims(more="m" * 8000))).sub == "alice"
    monkeypatch.delattr(jwt, "get_unverified_header")
    assert refused("x" * (MOST_CHARACTERS + 1)) == f"it has more than {MOST_CHARACTERS} characters"


# --- algorithms and keys ---
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_every_asymmetric_algorithm_is_accepted_with_a_key_of_its_kind(algorithm: str) -> None:
    key = SigningKey.of(algorithm)
    assert read(key.sign(PROVIDER.claims()), key.jwk).sub == "alice"
    unbound = {name: value for name, value in key.jwk.items() if name not in {"alg", "use", "kid"}}
    assert read(_anonymous(key), unbound).sub == "alice"


def _anonymous(key: SigningKey) -> str:
    return SigningKey(None, key.algorithm, key.private).sign(PROVIDER.claims())


def test_ed448_is_one_of_the_curves() -> None:
    key = ed448_key("ed448")
    assert read(key.sign(PROVIDER.claims()), key.jwk).sub == "alice"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "HS384", "HS512", "ES256K", "RS1", "", None, 5, ["RS256"]]
)
def test_other_algorithms_are_refused_before_any_key_is_looked_at(algorithm: object) -> None:
    token = with_hmac({"alg": algorithm, "typ": "JWT", "kid": "rsa"}, PROVIDER.claims(), b"secret")
    assert refused(token) == "its algorithm is not one of those that are accepted"
    assert refused(f"{token.rpartition('.')[0]}.").startswith("its algorithm")


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_a_public_key_is_no_shared_secret(form: PublicFormat) -> None:
    public = rsa_key().public_key().public_bytes(Encoding.PEM, form)
    refused(with_hmac({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, PROVIDER.claims(), public))
    assert refused(with_hmac({"alg": "RS256", "typ": "JWT", "kid": "rsa"}, PROVIDER.claims(), public)) == (
        "its signature is not of its key"
    )


def test_a_symmetric_key_in_a_key_set_is_none() -> None:
    secret = {"kty": "oct", "k": encoded(b"0123456789abcdef" * 2), "kid": "shared", "alg": "HS256"}
    assert key_of(secret) is None


def test_a_key_is_used_with_the_algorithms_of_its_own_kind_only() -> None:
    with_others = SigningKey("rsa", "RS512", RSA.private)
    assert refused(with_others.sign(PROVIDER.claims())) == "no key"
    assert read(with_others.sign(PROVIDER.claims()), {**RSA.jwk, "alg": None}).sub == "alice"
    assert refused(SigningKey("rsa", "ES256", EC.private).sign(PROVIDER.claims())) == "no key"
    large = SigningKey.of("ES384", "ec")
    assert refused(large.sign(PROVIDER.claims())) == "no key"


@pytest.mark.parametrize(
    "jwk",
    [
        {**RSA.jwk, "use": "enc"},
        {**RSA.jwk, "alg": "RSA-OAEP"},
        {**RSA.jwk, "alg": "HS256"},
        {**RSA.jwk, "key_ops": ["encrypt"]},
        {**RSA.jwk, "n": 5},
        {**RSA.jwk, "n": "!!!"},
        {**RSA.jwk, "n": ""},
        {**RSA.jwk, "e": "AA"},
        {**RSA.jwk, "kid": 7},
        {**RSA.jwk, "d": "AAAA"},
        SigningKey("weak", "RS256", rsa_key(1024)).jwk,
        {**EC.jwk, "crv": "P-384"},
        {**EC.jwk, "crv": "secp256k1"},
        {**EC.jwk, "y": EC.jwk["x"]},
        {**EC.jwk, "kty": "RSA"},
        {**EC.jwk, "crv": []},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["RSA"]},
        {},
        [],
        None,
        "RSA",
    ],
)
@pytest.mark.filterwarnings("ignore:.*RSA key.*")
def test_keys_that_are_damaged_weak_or_for_something_else_are_none(jwk: object) -> None:
    assert key_of(jwk) is None


def test_without_a_key_id_there_must_be_one_key_that_fits() -> None:
    assert read(_anonymous(EC)).sub == "alice"
    twin = SigningKey.of("ES256", "twin")
    assert refused(_anonymous(EC), EC.jwk, twin.jwk) == "no key"
    assert refused(EC.sign(PROVIDER.claims(), kid="unheard-of")) == "no key"
    assert refused(with_hmac({"alg": "ES256", "kid": 5}, PROVIDER.claims(), b"")) == "it cannot be read"


def test_another_key_s_signature_and_a_changed_content_are_refused() -> None:
    forged = SigningKey("ec", "ES256", SigningKey.of("ES256").private)
    assert refused(forged.sign(PROVIDER.claims())) == "its signature is not of its key"
    header, _, signature = EC.sign(PROVIDER.claims()).split(".")
    changed = f"{header}.{encoded(PROVIDER.claims(sub='mallory'))}.{signature}"
    assert refused(changed) == "its signature is not of its key"
    assert refused(f"{header}.{encoded(PROVIDER.claims())}.") == "its signature is not of its key"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_keys_that_a_token_brings_along_are_not_looked_at(name: str) -> None:
    mine = SigningKey.of("ES256", "ec")
    brought = {"jwk": mine.jwk, "x5c": ["AAAA"]}.get(name, "https://mallory.example/keys")
    assert refused(mine.sign(PROVIDER.claims(), **{name: brought})) == "its signature is not of its key"
    assert read(EC.sign(PROVIDER.claims(), **{name: brought})).sub == "alice"


# --- header ---
@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_access_and_identity_tokens_are_accepted(typ: str | None) -> None:
    assert read(EC.sign(PROVIDER.claims(), typ=typ)).sub == "alice"


@pytest.mark.parametrize("typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", 5, [], True])
def test_tokens_of_other_types_speak_for_nobody(typ: object) -> None:
    token = with_hmac({"alg": "ES256", "kid": "ec", "typ": typ}, PROVIDER.claims(), b"")
    assert refused(token) == "its typ is neither JWT nor at+jwt"


def test_extensions_that_must_be_understood_are_not() -> None:
    token = with_hmac({"alg": "ES256", "kid": "ec", "crit": ["exp"], "exp": 1}, PROVIDER.claims(), b"")
    assert refused(token) in {"its header asks for extensions", "it cannot be read"}


# --- claims ---
def test_what_is_claimed_beyond_the_usual_is_there() -> None:
    claims = read(EC.sign(PROVIDER.claims("Read-Only User", aud=["other", AUDIENCE])))
    assert (claims.iss, claims.sub, claims.model_extra) == (ISSUER, "alice", {"roles": ["Read-Only User"]})


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://login.example"}, "it is of another issuer"),
        ({"aud": "other"}, "it is for another audience"),
        ({"aud": []}, "it is for another audience"),
        ({"aud": [AUDIENCE.upper()]}, "it is for another audience"),
        ({"exp": NOW - 1}, "it has expired"),
        ({"exp": NOW}, "it has expired"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "its time has not come yet"),
        ({"iat": NOW + LEEWAY_SECONDS + 1}, "its time has not come yet"),
        ({"sub": "ali\x00ce"}, "its subject has characters that cannot be shown"),
    ],
)
def test_claims_that_do_not_hold_are_refused(claims: Json, reason: str) -> None:
    assert refused(EC.sign(PROVIDER.claims(**claims))) == reason


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW + 1},
        {"nbf": NOW + LEEWAY_SECONDS - 1},
        {"iat": NOW + LEEWAY_SECONDS - 1},
        {"iat": None},
        {"exp": NOW + 0.5},
    ],
)
def test_claims_that_just_hold_are_believed(claims: Json) -> None:
    assert read(EC.sign(PROVIDER.claims(**claims))).sub == "alice"


WRONG: dict[str, list[Any]] = {
    "iss": [5, [ISSUER], {}],
    "aud": [5, [AUDIENCE, 5], {}, True],
    "sub": [5, "", "a" * 256, []],
    "exp": ["9999999999", True, [], {}, -1, 1e300],
    "nbf": ["0", False, {}],
    "iat": ["0", True, []],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_claims_of_another_type_are_refused(name: str, value: object) -> None:
    assert refused(raw(PROVIDER.claims() | {name: value})) == f"missing, or of another type than it should have: {name}"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp"])
def test_claims_that_are_required_must_be_there_and_not_be_null(name: str) -> None:
    for claims in (PROVIDER.claims(**{name: None}), PROVIDER.claims() | {name: None}):
        assert refused(raw(claims)) == f"missing, or of another type than it should have: {name}"


@pytest.mark.parametrize("payload", [b"[]", b"5", b"", b"{", b'{"exp": NaN}', b'{"exp": 1e999}', b"[" * 9000, b"\xff"])
def test_what_is_signed_but_no_object_of_claims_is_refused(payload: bytes) -> None:
    assert refused(raw(payload)).startswith("missing, or of another type than it should have: ")


def raw(payload: object) -> str:
    """A token that is signed as it should be, whatever it holds."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return jwt.PyJWS().encode(data, EC.private, "ES256", {"kid": "ec"})
