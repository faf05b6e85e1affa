"""The providers that this deployment can use: those that are built in, as the operator's settings change them."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from providers import by_key
from providers.base import HttpProvider, Kind, Provider
from providers.errors import CatalogueError
from providers.models_file import extend


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Provider by key, in the order of PROVIDERS. Made once from settings, and handed to whoever needs it."""

    providers: Mapping[str, Provider]

    def __iter__(self) -> Iterator[Provider]:
        return iter(self.providers.values())

    def get(self, key: str) -> Provider | None:
        """The provider of that key; None where this deployment has none."""
        return self.providers.get(key)


def build_catalogue(
    *,
    base_urls: Mapping[str, str] | None = None,
    models_file: str | None = None,
    hosted_regions: Mapping[str, frozenset[str]] | None = None,
) -> Catalogue:
    """What settings make of the built-in providers. `models_file` is the file's text, `base_urls` is by provider key.

    A hosted provider behind HTTP needs the operator's key: it is there only if `hosted_regions` has it, and in the
    regions that stand there. Raises CatalogueError with everything that is wrong.
    """
    providers, problems = extend(by_key(), models_file or "")
    for key, url in (base_urls or {}).items():
        problem = _url_problem(providers.get(key), url)
        if problem:
            problems.append(f"base URL of {key}: {problem}")
    if problems:
        raise CatalogueError(problems)
    moved = (_moved(provider, (base_urls or {}).get(provider.key)) for provider in providers.values())
    placed = (_placed(provider, hosted_regions or {}) for provider in moved)
    return Catalogue(by_key(provider for provider in placed if provider))


def _url_problem(provider: Provider | None, url: str) -> str | None:
    if provider is None:
        return "there is no such provider"
    if not isinstance(provider, HttpProvider):
        return "this provider sends no requests"
    try:
        parts = urlsplit(url)
        fields = {field for _, field, _, _ in string.Formatter().parse(url) if field is not None}
    except ValueError:
        return "it is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        return "it must be http:// or https:// with a host, and without user, query and fragment"
    known = {parameter.name for parameter in provider.parameters if parameter.required}
    return None if fields <= known else "it names a {parameter} that the provider does not require"


def _moved(provider: Provider, base_url: str | None) -> Provider:
    if base_url is None or not isinstance(provider, HttpProvider):
        return provider
    return replace(provider, base_url=base_url.rstrip("/"))


def _placed(provider: Provider, hosted_regions: Mapping[str, frozenset[str]]) -> Provider | None:
    """A hosted provider behind HTTP where the operator has put it, None if nowhere; any other as it is."""
    if provider.kind is Kind.EXTERNAL or not isinstance(provider, HttpProvider):
        return provider
    regions = hosted_regions.get(provider.key)
    return replace(provider, regions=regions) if regions is not None else None
