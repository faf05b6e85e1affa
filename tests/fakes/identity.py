"""An identity provider, as strict as OpenID Connect Discovery 1.0 has it: two documents, and tokens of any kind a test asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import AllowedPrivateKeys
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

DISCOVERY, JWKS = "/.well-known/openid-configuration", "/keys"
AUDIENCE = "vectorgate-tests"

Json = dict[str, Any]


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """One key for each number: making them takes long."""
    del number
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class SigningKey:
    """A private key that tokens are signed with, under an id."""

    id: str | None
    algorithm: str
    private: AllowedPrivateKeys

    @classmethod
    def of(cls, algorithm: str, id: str | None = "first", number: int = 0) -> Self:
        """A key for an algorithm."""
        curves: dict[str, Callable[[], ec.EllipticCurve]] = {
            "ES256": ec.SECP256R1,
            "ES384": ec.SECP384R1,
            "ES512": ec.SECP521R1,
        }
        if algorithm in curves:
            return cls(id, algorithm, ec.generate_private_key(curves[algorithm]()))
        if algorithm == "EdDSA":
            return cls(id, algorithm, ed25519.Ed25519PrivateKey.generate())
        return cls(id, algorithm, rsa_key(number=number))

    @property
    def jwk(self) -> Json:
        """The public half, as a key set has it."""
        public: Json = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return public | {"use": "sig", "alg": self.algorithm} | ({} if self.id is None else {"kid": self.id})

    def sign(self, claims: Mapping[str, object], **header: Any) -> str:  # noqa: ANN401 - JSON
        """A token. `header` goes before what is usual; None takes something out."""
        usual = {} if self.id is None else {"kid": self.id}
        given = {name: value for name, value in (usual | header).items() if value is not None or name == "typ"}
        return jwt.encode(dict(claims), self.private, self.algorithm, given)


def ed448_key(id: str) -> SigningKey:
    return SigningKey(id, "EdDSA", ed448.Ed448PrivateKey.generate())


@dataclass
class IdentityProviderFake:
    """Serves its metadata and its keys. `asked` has the paths of all requests; `complaints` what was wrong with them."""

    keys: list[SigningKey]
    url: str = ""
    away: bool = False
    answers: dict[str, Response] = field(default_factory=dict)
    """What is answered at a path instead of what belongs there."""
    cache_control: str | None = None
    clock: Callable[[], float] = time.time
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = Request(scope, receive)
        self.asked.append(request.url.path)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path, headers = request.url.path, request.headers
        if request.method != "GET" or request.url.query or {"authorization", "cookie"} & set(headers.keys()):
            self.complaints.append(f"{request.method} {path}")
            return Response(status_code=400)
        if self.away:
            return Response(status_code=503)
        documents = {DISCOVERY: self.metadata, JWKS: self.key_set}
        if path in self.answers or path not in documents:
            return self.answers.get(path, Response(status_code=404))
        cached = {} if self.cache_control is None else {"cache-control": self.cache_control}
        return JSONResponse(documents[path], headers=cached)

    @property
    def metadata(self) -> Json:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "jwks_uri": f"{self.url}{JWKS}",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    @property
    def key_set(self) -> Json:
        return {"keys": [key.jwk for key in self.keys]}

    def claims(self, *roles: str, **more: object) -> Json:
        """Those of a token for alice, for five minutes; `more` goes before, and None takes something out."""
        now = int(self.clock())
        usual: Json = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300}
        given = usual | ({"roles": list(roles)} if roles else {}) | more
        return {name: value for name, value in given.items() if value is not None}

    def token(self, *roles: str, **more: object) -> str:
        """A token of its newest key."""
        return self.keys[-1].sign(self.claims(*roles, **more))
