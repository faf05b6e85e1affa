"""What an operator can set, read once from the environment (prefix VECTORGATE_) into one frozen value.

No module holds settings globally: they are passed to whoever needs them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.setting_value import (
    AnyCase,
    ApiKey,
    File,
    Folder,
    HttpUrl,
    Issuer,
    KeyRing,
    Names,
    Origins,
    PostgresUrl,
    RegionName,
    Title,
    Token,
    default_data_dir,
)

PREFIX = "VECTORGATE_"
MEBIBYTE = 1024 * 1024
ONLY_REGION = "local"
"""The name of the one region, the catalogue's own cluster, where REGIONS is not set."""

_TOGETHER = (
    ("database_url", "encryption_keys", "so that every replica opens the same secrets"),
    ("oidc_issuer", "oidc_audience", "so that tokens for other applications are not accepted"),
    ("oidc_audience", "oidc_issuer", "whose tokens they are"),
)
"""(setting, the other one that it needs, why)"""


class SettingsError(Exception):
    """One or more settings are wrong; the message has a line for each and quotes no value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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
    bootstrap_token: Token | None = Field(
        None,
        description="access token with every permission in the first organization; unset: generated, and written to stderr once",
    )
    encryption_keys: KeyRing | None = Field(
        None,
        repr=False,
        description="id:base64 of 32 bytes, comma-separated: the first seals, all open; required with DATABASE_URL, "
        "else generated into DATA_DIR",
    )
    organization: Title = Field("default", description="name of the first organization")
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
    hosted_nvidia_api_key: ApiKey | None = Field(
        None, description="the operator's key for NVIDIA's API: makes nvidia a hosted provider"
    )
    hosted_nvidia_regions: Names | None = Field(
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
    keep_alive_seconds: float = Field(
        75,
        gt=0,
        le=86400,
        description="how long a connection is kept for its next request: longer than the load balancer in front keeps one",
    )
    max_body_bytes: int = Field(20 * MEBIBYTE, ge=1024, description="size of a request's body")
    max_depth: int = Field(12, ge=1, description="nesting of fields in an operation")
    max_aliases: int = Field(30, ge=0, description="aliases in an operation")
    max_tokens: int = Field(5000, ge=10, description="lexical tokens in a document")
    max_root_fields: int = Field(20, ge=1, description="fields at the root of an operation")
    max_cost: int = Field(50_000, ge=1, description="estimated fields that an operation may answer")
    max_answer_bytes: int = Field(
        32 * MEBIBYTE, ge=1024, description="size of the documents and rows that an answer may carry"
    )
    rate_limit_per_token: int = Field(
        6000, ge=0, description="requests a minute of one access token, in each process; 0: no limit"
    )
    rate_limit_per_address: int = Field(
        6000, ge=0, description="requests a minute from one address, refused ones too, in each process; 0: no limit"
    )
    cors_origins: Origins | None = Field(
        None, description="comma-separated origins whose pages may use the API from a browser; *: any; unset: none"
    )
    introspection: bool = Field(
        default=True, description="on or off: whether clients may read the schema, by GraphQL and at /schema.graphql"
    )
    graphiql: bool = Field(default=True, description="on or off: whether browsers that open /graphql get GraphiQL")
    trusted_documents: File | None = Field(
        None, description="JSON file of GraphQL documents by hash: only these are executed; unset: any document"
    )
    oidc_issuer: Issuer | None = Field(
        None,
        description="identity provider whose JWTs are accepted beside access tokens: the https:// URL that they name as iss",
    )
    oidc_audience: str | None = Field(
        None, description="what must be the aud of its JWTs, or among them; required with OIDC_ISSUER"
    )
    oidc_roles_claim: str = Field(
        "roles",
        description="claim with the names of roles, a string or a list; dots lead into objects: realm_access.roles",
    )
    slow_operation_seconds: float = Field(
        2, ge=0, description="an operation that takes longer writes a line slow_operation into the log; 0: none does"
    )
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
    return [
        f"{PREFIX}{needed.upper()}: required with {PREFIX}{name.upper()}, {reason}"
        for name, needed, reason in _TOGETHER
        if name in given and needed not in given
    ]
