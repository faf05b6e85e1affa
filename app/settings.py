"""What an operator can set, read once from the environment (prefix VECTORGATE_) into one frozen value.

No module holds settings globally: they are passed to whoever needs them.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json, SecretStr, ValidationError

PREFIX = "VECTORGATE_"
MEBIBYTE = 1024 * 1024


class SettingsError(Exception):
    """One or more settings are wrong; the message has a line for each and quotes no value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _postgres_url(url: str) -> str:
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a PostgreSQL URL: postgresql://user:password@host:port/database")
    return url


def _http_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must be an http:// or https:// URL")
    return url.rstrip("/")


def _key_ring(value: object) -> object:
    """`id:base64,id:base64` -> id -> 32 bytes, first one first."""
    if not isinstance(value, str):
        return value
    keys: dict[str, bytes] = {}
    for entry in value.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not key_id.isalnum() or len(key) != 32 or key_id in keys:
            raise ValueError(
                "must be id:base64 pairs, comma-separated; each id unique, of letters and digits, each key 32 bytes"
            )
        keys[key_id] = key
    return keys


def _long_enough(token: SecretStr) -> SecretStr:
    if not 16 <= len(token.get_secret_value()) <= 255 or not token.get_secret_value().isascii():
        raise ValueError("must have 16 to 255 ASCII characters")
    return token


def default_data_dir() -> Path:
    """The user's data directory; for root a system one.

    Run as root, the embedded server makes every parent folder of its data world-readable, which must never happen to a home directory.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/vectorgate")
    return platformdirs.user_data_path("vectorgate", appauthor=False)


PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
KeyRing = Annotated[dict[str, bytes], BeforeValidator(_key_ring)]
Flag = Annotated[bool, Field(description="on or off")]


class Settings(BaseModel):
    """All settings. A field's name in upper case, after the prefix, is its environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="PostgreSQL 15+ with pgvector 0.8+ for the catalogue and the default region; unset: the embedded server",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="where the embedded database and the generated key are kept"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=256, description="processes that serve requests")
    bootstrap_token: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        None,
        description="access token with every permission in the first organization; unset: generated and printed once",
    )
    encryption_keys: KeyRing | None = Field(
        None, repr=False, description="id:base64 of 32 bytes, comma-separated; the first seals, all open"
    )
    organization: str = Field("default", min_length=1, max_length=100, description="name of the first organization")
    regions: Json[dict[str, PostgresUrl]] | None = Field(
        None, repr=False, description="JSON: region name -> PostgreSQL URL"
    )
    default_region: str | None = Field(None, description="region of databases that name none; unset: the catalogue's")
    provider_urls: Json[dict[str, HttpUrl]] = Field(
        default_factory=dict, description="JSON: provider key -> base URL, for proxies and compatible servers"
    )
    models_file: Path | None = Field(None, description="TOML file with extra or overriding models")
    provider_deadline_seconds: float = Field(
        30, gt=0, le=600, description="time for all provider requests of one GraphQL field"
    )
    provider_concurrency: int = Field(8, ge=1, le=1000, description="provider requests in flight for one credential")
    pool_size: int = Field(10, ge=1, le=1000, description="connections to each PostgreSQL cluster")
    statement_timeout_seconds: float = Field(30, gt=0, le=3600, description="time for one SQL statement")
    request_timeout_seconds: float = Field(60, gt=0, le=3600, description="time for one request")
    max_body_bytes: int = Field(20 * MEBIBYTE, ge=1024, description="size of a request's body")
    max_depth: int = Field(12, ge=1, description="nesting of fields in an operation")
    max_aliases: int = Field(30, ge=0, description="aliases in an operation")
    max_tokens: int = Field(5000, ge=10, description="lexical tokens in a document")
    max_root_fields: int = Field(20, ge=1, description="fields at the root of an operation")
    max_cost: int = Field(50_000, ge=1, description="estimated fields that an operation may answer")
    introspection: Flag = Field(default=True, description="whether clients may read the schema through GraphQL")
    log_format: Literal["console", "json"] = Field("console", description="form of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every VECTORGATE_ variable; an empty one counts as unset. Raises SettingsError naming all problems at once."""
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and value != ""
        }
        problems = _contradictions(given)
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            problems += [_sentence(str(each["loc"][0]), each["type"], each["msg"]) for each in error.errors()]
        if problems:
            raise SettingsError(problems)
        return settings


def _sentence(name: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        message = "is no setting of this version"
    return f"{PREFIX}{name.upper()}: {message.removeprefix('Value error, ')}"


def _contradictions(given: Mapping[str, str]) -> list[str]:
    """What no single setting shows: seen beside the other problems, so that one start reports all."""
    problems = []
    if "database_url" in given and "encryption_keys" not in given:
        problems.append(
            f"{PREFIX}ENCRYPTION_KEYS: required with {PREFIX}DATABASE_URL, so that every replica opens the same secrets"
        )
    return problems
