"""What the text of a setting stands for, and what it must look like. A ValueError says what is expected, and quotes no value."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlsplit

import platformdirs
from pydantic import AfterValidator, BeforeValidator, FilePath, SecretStr

URL_OPTIONS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    "gsslib": ("gssapi", "sspi"),
}
"""Option of a PostgreSQL URL -> the values that it can have."""


def _postgres_url(url: str) -> str:
    """Several hosts may stand in one URL, comma-separated."""
    parts = _parts(url)
    if parts is None or not all(map(_is_host, parts.netloc.rpartition("@")[2].split(","))):
        raise ValueError(
            "must be a PostgreSQL URL: postgresql://user:password@host:port/database, "
            "with the special characters of the password percent-encoded (@ is %40)"
        )
    _check_options(parts.query)
    return url


def _parts(url: str) -> SplitResult | None:
    """None for what is no such URL. A password with a bare @, /, ? or # would be cut there, and its rest be taken for a host."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bare bracket
        return None
    asked = "@" in parts.query and "@" not in parts.netloc
    cut = parts.netloc.count("@") > 1 or "@" in parts.path or parts.fragment or asked
    return parts if url.startswith(("postgresql://", "postgres://")) and not cut else None


def _check_options(query: str) -> None:
    """The options of a URL that have a fixed list of values: a wrong one would look like a cluster that is away."""
    try:
        options = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError:  # it quotes what may be the rest of a password
        raise ValueError("what stands behind ? must be options, name=value, joined by &") from None
    for name, value in options:
        if value not in URL_OPTIONS.get(name, (value,)):
            raise ValueError(f"{name} must be one of {', '.join(URL_OPTIONS[name])}")


def _is_host(text: str) -> bool:
    """`host`, `host:port` or `[IPv6 address]:port`; a host that is not given is PostgreSQL's default."""
    found = re.fullmatch(r"(?:\[[^\[\]]+\]|[^:\[\]]*)(?::(\d{1,5}))?", text)
    return found is not None and int(found[1] or 0) <= 65535


def _http_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must be an http:// or https:// URL")
    return url.rstrip("/")


def protected_url(url: str) -> str:
    """The URL, where nobody on the way can change what it answers: https, or http on this machine. Raises ValueError otherwise."""
    parts = urlsplit(url)
    if parts.hostname is None or "@" in parts.netloc or parts.fragment:
        raise ValueError("must be a URL with a host name, without user and fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("must be an https:// URL; http:// is for loopback addresses")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _issuer(url: str) -> str:
    """As it is: tokens name it to the letter, a slash at the end included."""
    if "?" in url:
        raise ValueError("must have no query")
    return protected_url(url)


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


def _origins(origins: frozenset[str]) -> frozenset[str]:
    """As browsers name them: lower case, no path, no port that is the scheme's own."""
    for origin in origins - {"*"}:
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/?#@*A-Z]+", origin) or re.match(
            r"http:.*:80$|https:.*:443$", origin
        ):
            raise ValueError(
                "must be * or origins as browsers send them, comma-separated: https://app.example.com, "
                "in lower case, without a path and without the scheme's own port"
            )
    return origins


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
Issuer = Annotated[str, AfterValidator(_issuer)]
Token = Annotated[SecretStr, AfterValidator(_token)]
ApiKey = Annotated[SecretStr, AfterValidator(_sendable)]
Title = Annotated[str, AfterValidator(_title)]
Names = Annotated[frozenset[str], BeforeValidator(_names)]
Origins = Annotated[Names, AfterValidator(_origins)]
File = Annotated[FilePath, BeforeValidator(lambda path: Path(path).expanduser().absolute())]
RegionName = Annotated[str, AfterValidator(_region)]
AnyCase = BeforeValidator(lambda word: word.lower() if isinstance(word, str) else word)
