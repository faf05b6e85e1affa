"""What an operator can set, read once from the environment (prefix VECTORGATE_) into one frozen value.

No module holds settings globally: they are passed to whoever needs them.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FilePath,
    Json,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

PREFIX = "VECTORGATE_"
MEBIBYTE = 1024 * 1024
ONLY_REGION = "local"
"""The name of the one region, the catalogue's own cluster, where REGIONS is not set."""


class SettingsError(Exception):
    """One or more settings are wrong; the message has a line for each and quotes no value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _postgres_url(url: str) -> str:
    """Several hosts may stand in one URL, comma-separated."""
    hosts = url.partition("://")[2].partition("/")[0].rpartition("@")[2].split(",")
    if not url.startswith(("postgresql://", "postgres://")) or not all(map(_is_host, hosts)):
        raise ValueError("must be a PostgreSQL URL: postgresql://user:password@host:port/database")
    return url


def _is_host(text: str) -> bool:
    """`host`, `host:port` or `[IPv6 address]:port`; a host that is not given is PostgreSQL's default."""
    found = re.fullmatch(r"(?:\[[^\[\]]+\]|[^:\[\]]*)(?::(\d{1,5}))?", text.partition("?")[0])
    return found is not None and int(found[1] or 0) <= 65535


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
        key = _decoded(encoded)
        if not re.fullmatch("[A-Za-z0-9]+", key_id) or len(key) != 32 or key_id in keys:
            raise ValueError(
                "must be id:base64 pairs, comma-separated; each id unique, of letters and digits, each key 32 bytes"
            )
        keys[key_id] = key
    return keys


def _decoded(encoded: str) -> bytes:
    """The bytes of a base64 text; none for anything else."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""


def _sendable(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]{8,}", key.get_secret_value()):
        raise ValueError("must have 8 or more printable ASCII characters, without spaces")
    return key


def _names(value: object) -> object:
    """`a, b` -> {a, b}."""
    return frozenset(filter(None, (name.strip() for name in value.split(",")))) if isinstance(value, str) else value


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch("[!-~]{16,255}", token.get_secret_value()):
        raise ValueError("must have 16 to 255 ASCII characters, none of them a space")
    return token


def _title(name: str) -> str:
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= 100 or not trimmed.isprintable():
        raise ValueError("must have 1 to 100 printable characters")
    return trimmed


def _region(name: str) -> str:
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,47}", name):
        raise ValueError("a region's name must have 1 to 48 letters, digits, - and _, and begin with a letter or digit")
    return name


def default_data_dir() -> Path:
    """The user's data directory; for root a system one, since the embedded server opens the way to its data for all."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/vectorgate")
    return platformdirs.user_data_path("vectorgate", appauthor=False)


PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
KeyRing = Annotated[dict[str, bytes], BeforeValidator(_key_ring)]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
File = Annotated[FilePath, BeforeValidator(lambda path: Path(path).expanduser().absolute())]
RegionName = Annotated[str, AfterValidator(_region)]
AnyCase = BeforeValidator(lambda word: word.lower() if isinstance(word, str) else word)


class Settings(BaseModel):
    """All settings. A field's name in upper case, after the prefix, is its environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="PostgreSQL 15+ with pgvector 0.8+ for the catalogue and the default region; unset: the embedded server",
    )
    data_dir: Folder = Field(
        default_factory=default_data_dir, description="where the embedded database and the generated key are kept"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0: any that is free")
    workers: int = Field(1, ge=1, le=256, description="processes that serve requests")
    bootstrap_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(
        None,
        description="access token with every permission in the first organization; unset: generated and printed once",
    )
    encryption_keys: KeyRing | None = Field(
        None,
        repr=False,
        description="id:base64 of 32 bytes, comma-separated: the first seals, all open; required with DATABASE_URL, "
        "else generated into DATA_DIR",
    )
    organization: Annotated[str, AfterValidator(_title)] = Field(
        "default", description="name of the first organization"
    )
    regions: Annotated[Json[dict[RegionName, PostgresUrl]], Field(min_length=1)] | None = Field(
        None,
        repr=False,
        description=f"JSON: region name -> PostgreSQL URL; unset: one region {ONLY_REGION}, the catalogue's cluster",
    )
    default_region: str | None = Field(
        None,
        validate_default=True,
        description="region of databases that name none; unset: the one that is the catalogue's cluster",
    )
    provider_urls: Json[dict[str, HttpUrl]] = Field(
        default_factory=dict, description="JSON: provider key -> base URL, for proxies and compatible servers"
    )
    hosted_nvidia_api_key: Annotated[SecretStr, AfterValidator(_sendable)] | None = Field(
        None, description="the operator's key for NVIDIA's API: makes nvidia a hosted provider"
    )
    hosted_nvidia_regions: Annotated[frozenset[str], BeforeValidator(_names)] | None = Field(
        None, description="comma-separated regions that may use nvidia; unset: every region"
    )
    models_file: File | None = Field(None, description="TOML file with extra or overriding models")
    provider_deadline_seconds: float = Field(
        30, gt=0, le=600, description="time for all provider requests of one GraphQL field"
    )
    provider_concurrency: int = Field(8, ge=1, le=1000, description="provider requests in flight for one credential")
    pool_size: int = Field(10, ge=1, le=1000, description="connections to each PostgreSQL cluster")
    statement_timeout_seconds: float = Field(30, ge=0.001, le=3600, description="time for one SQL statement")
    request_timeout_seconds: float = Field(60, gt=0, le=3600, description="time for one request")
    max_body_bytes: int = Field(20 * MEBIBYTE, ge=1024, description="size of a request's body")
    max_depth: int = Field(12, ge=1, description="nesting of fields in an operation")
    max_aliases: int = Field(30, ge=0, description="aliases in an operation")
    max_tokens: int = Field(5000, ge=10, description="lexical tokens in a document")
    max_root_fields: int = Field(20, ge=1, description="fields at the root of an operation")
    max_cost: int = Field(50_000, ge=1, description="estimated fields that an operation may answer")
    introspection: bool = Field(default=True, description="on or off: whether clients may read the schema by GraphQL")
    log_format: Annotated[Literal["console", "json"], AnyCase] = Field("console", description="form of log lines")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="least level that is logged"
    )

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
            problems += [_sentence(each["loc"], each["type"], each["msg"]) for each in error.errors()]
        if problems:
            raise SettingsError(problems)
        return settings

    @field_validator("default_region")
    @classmethod
    def _default_region_is_one(cls, name: str | None, info: ValidationInfo) -> str | None:
        """Nothing is said of it while REGIONS or DATABASE_URL have problems of their own."""
        if not {"regions", "database_url"} <= info.data.keys():
            return name
        regions: Mapping[str, Any] = info.data["regions"] or {ONLY_REGION: info.data["database_url"]}
        if name is None and info.data["database_url"] not in regions.values():
            raise ValueError(f"required, since no URL of {PREFIX}REGIONS is the catalogue's")
        if name is not None and name not in regions:
            raise ValueError(f"must be one of the regions: {', '.join(regions)}")
        return name


def _sentence(where: tuple[int | str, ...], kind: str, message: str) -> str:
    """One line on a problem; below the setting's name only keys of its JSON object can stand, which say which entry it is."""
    if kind == "extra_forbidden":
        message = "is no setting of this version"
    entry = "".join(f"{part}: " for part in where[1:] if part != "[key]")
    return f"{PREFIX}{str(where[0]).upper()}: {entry}{message.removeprefix('Value error, ')}"


def _contradictions(given: Mapping[str, str]) -> list[str]:
    """What no single setting shows: seen beside the other problems, so that one start reports all."""
    if "database_url" in given and "encryption_keys" not in given:
        return [
            f"{PREFIX}ENCRYPTION_KEYS: required with {PREFIX}DATABASE_URL, so that every replica opens the same secrets"
        ]
    return []
