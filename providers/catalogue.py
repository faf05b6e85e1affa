"""The providers that this deployment can use: those that are built in, as the operator's settings change them."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from providers import by_key
from providers.base import HttpProvider, Kind, Provider
from providers.errors import CatalogueError
from providers.models_file import extend
from providers.secret import Secret


@dataclass(frozen=True, slots=True)
class Hosting:
    """What makes a hosted provider behind HTTP usable: the operator's key, and the regions; None: every region."""

    secret: Secret
    regions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Provider by key, in the order of PROVIDERS. Made once from settings, and handed to whoever needs it."""

    providers: Mapping[str, Provider]
    hosted_secrets: Mapping[str, Secret] = field(default_factory=dict)
    """The operator's key for each hosted provider behind HTTP: what `always` makes a source of, for the sender."""

    def __iter__(self) -> Iterator[Provider]:
        return iter(self.providers.values())

    def get(self, key: str) -> Provider | None:
        """The provider of that key; None where this deployment has none."""
        return self.providers.get(key)


def build_catalogue(
    *,
    base_urls: Mapping[str, str] | None = None,
    models_file: str | None = None,
    hosting: Mapping[str, Hosting] | None = None,
) -> Catalogue:
    """What settings make of the built-in providers. `models_file` is the file's text; the others are by provider key.

    A hosted provider behind HTTP is there only with its `hosting`. Raises CatalogueError with everything that is wrong.
    """
    urls, hosting = base_urls or {}, hosting or {}
    providers, problems = extend(by_key(), models_file or "")
    for key, url in urls.items():
        problem = _url_problem(providers.get(key), url)
        if problem:
            problems.append(f"base URL of {key}: {problem}")
    problems += [f"hosting of {key}: no such provider needs it" for key in hosting if not _needs(providers.get(key))]
    if problems:
        raise CatalogueError(problems)
    moved = (_moved(provider, urls.get(provider.key)) for provider in providers.values())
    placed = (_placed(provider, hosting.get(provider.key)) for provider in moved)
    secrets = {key: each.secret for key, each in hosting.items()}
    return Catalogue(by_key(provider for provider in placed if provider), secrets)


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


def _placed(provider: Provider, hosting: Hosting | None) -> Provider | None:
    """A provider where it can be used; None for one that needs hosting and has none."""
    if not _needs(provider):
        return provider
    return replace(provider, regions=hosting.regions) if hosting else None


def _needs(provider: Provider | None) -> bool:
    """Whether a provider needs a key of the operator's."""
    return isinstance(provider, HttpProvider) and provider.kind is Kind.HOSTED
