"""JSON Web Tokens: what one says, and whether a key and the claims bear it out (RFC 7515, 7517, 7519, 8725). No network here.

A reason for refusing one is for the log, and holds nothing of the token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_CHARACTERS: Final = 16 * 1024
"""Of a token: longer ones are not even parsed."""

LEEWAY_SECONDS: Final = 60
"""How far the clock of whoever issues tokens may be ahead. An end is an end: `exp` has no leeway."""

LEAST_RSA_BITS: Final = 2048

TYPES: Final = frozenset({None, "jwt", "at+jwt"})
"""Of tokens that speak for somebody; others (logout, events, proofs) are signed with the same keys."""

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE: Final = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}
ALGORITHMS: Final = _RSA.union(*_BY_CURVE.values())
"""All of them asymmetric: with the others, whoever can check a signature can make one."""

_FORM: Final = re.compile(r"ey[\w-]*\.[\w-]*\.[\w-]*", re.ASCII)
"""Three parts in base64url, the first of which begins a JSON object."""

Seconds: TypeAlias = Annotated[float, Field(ge=0, le=2**40, allow_inf_nan=False)]


class TokenRefusedError(Exception):
    """Why a token is not accepted."""


class Claims(BaseModel):
    """What a token claims. Further claims are in `model_extra`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", hide_input_in_errors=True)

    iss: str
    aud: str | list[str]
    sub: Annotated[str, Field(min_length=1, max_length=255)]
    exp: Seconds
    nbf: Seconds = 0
    iat: Seconds = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of its signature. Keys and addresses of keys in it are not looked at."""

    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the algorithms that it may be used with."""

    id: str | None
    algorithms: frozenset[str]
    public: AllowedPublicKeys


class _Jwk(BaseModel):
    """A public key for signatures, as a key set has it (RFC 7517); a private one that was published proves nothing."""

    model_config = ConfigDict(strict=True, frozen=True)

    kty: Literal["RSA", "EC", "OKP"]
    crv: str | None = None
    n: str | None = None
    e: str | None = None
    x: str | None = None
    y: str | None = None
    d: None = None
    kid: str | None = None
    alg: str | None = None
    use: Literal["sig"] = "sig"
    key_ops: list[str] = ["verify"]

    @property
    def algorithms(self) -> frozenset[str]:
        possible = _RSA if self.kty == "RSA" else _BY_CURVE.get((self.kty, self.crv or ""), frozenset())
        return possible if self.alg is None else possible & {self.alg}


def is_signed_token(token: str) -> bool:
    """Whether this has the form of a signed token; access tokens have not."""
    return _FORM.fullmatch(token) is not None


def read_header(token: str) -> Header:
    """Raises TokenRefusedError for what no key could make good."""
    if len(token) > MOST_CHARACTERS:
        raise TokenRefusedError(f"it has more than {MOST_CHARACTERS} characters")
    try:
        given = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefusedError("it cannot be read") from None
    if "crit" in given:
        raise TokenRefusedError("its header asks for extensions")
    if _type(given.get("typ")) not in TYPES:
        raise TokenRefusedError("its typ is neither JWT nor at+jwt")
    algorithm, key_id = given.get("alg"), given.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefusedError("its algorithm is not one of those that are accepted")
    if not isinstance(key_id, str | None):
        raise TokenRefusedError("its kid is no string")
    return Header(algorithm, key_id)


def _type(typ: object) -> str | None:
    """Media types may leave out what they have in common, and letters' case (RFC 7515, section 4.1.9)."""
    return None if typ is None else str(typ).lower().removeprefix("application/")


def key_of(jwk: object) -> Key | None:
    """The key of an entry of a key set; None where it is damaged, weak, or not for checking signatures."""
    try:
        given = _Jwk.model_validate(jwk)
        if not given.algorithms or "verify" not in given.key_ops:
            return None
        members = given.model_dump(include={"kty", "crv", "n", "e", "x", "y"}, exclude_none=True)
        public = jwt.PyJWK(members, min(given.algorithms)).key
    except (ValidationError, jwt.PyJWTError, ValueError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        return None
    return Key(given.kid, given.algorithms, public)


def key_for(header: Header, keys: Iterable[Key]) -> Key | None:
    """The only key that the header can mean; without a key id there must be only one that fits."""
    fitting = [key for key in keys if header.key_id in (None, key.id) and header.algorithm in key.algorithms]
    return fitting[0] if len(fitting) == 1 else None


def verified(token: str, header: Header, key: Key, *, issuer: str, audience: str, now: float) -> Claims:
    """The claims, once the signature and they themselves hold; `now` in seconds since 1970. Raises TokenRefusedError."""
    try:
        payload = jwt.PyJWS().decode_complete(token, key.public, algorithms=[header.algorithm])["payload"]
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefusedError("its signature is not of its key") from None
    try:
        claims = Claims.model_validate_json(payload)
    except ValidationError as error:
        wrong = ", ".join(dict.fromkeys(str(each["loc"][0]) for each in error.errors() if each["loc"]))
        raise TokenRefusedError(f"missing, or of another type than it should have: {wrong or 'the claims'}") from None
    _check(claims, issuer, audience, now)
    return claims


def _check(claims: Claims, issuer: str, audience: str, now: float) -> None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer:
        raise TokenRefusedError("it is of another issuer")
    if audience not in audiences:
        raise TokenRefusedError("it is for another audience")
    if claims.exp <= now:
        raise TokenRefusedError("it has expired")
    if max(claims.nbf, claims.iat) > now + LEEWAY_SECONDS:
        raise TokenRefusedError("its time has not come yet")
    if not claims.sub.isprintable():
        raise TokenRefusedError("its subject has characters that cannot be shown")
