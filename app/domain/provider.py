"""Providers as the rules see them: which this deployment has, where, and what may be chosen of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.errors import (
    BadInput,
    DeprecatedModel,
    EndOfLifeModel,
    GatewayError,
    IntegrationNotAvailableInRegion,
    InvalidProviderParameters,
    ModelUnknown,
    ProviderUnknown,
    UnsupportedVectorDimension,
)
from app.gateway import Gateway
from app.value import check_json
from providers import configuration
from providers.base import Kind, Provider
from providers.configuration import Configuration
from providers.errors import (
    ConfigurationError,
    DeprecatedModelError,
    EndOfLifeModelError,
    InvalidParametersError,
    UnknownModelError,
    UnsupportedDimensionError,
)
from providers.redact import redact

CODES: Mapping[type[ConfigurationError], type[GatewayError]] = {
    UnknownModelError: ModelUnknown,
    DeprecatedModelError: DeprecatedModel,
    EndOfLifeModelError: EndOfLifeModel,
    InvalidParametersError: InvalidProviderParameters,
    UnsupportedDimensionError: UnsupportedVectorDimension,
}


def known(gateway: Gateway, key: str) -> Provider:
    """The provider of this key. Raises ProviderUnknown, naming those there are."""
    provider = gateway.catalogue.get(key)
    if provider is None:
        keys = ", ".join(each.key for each in gateway.catalogue)
        raise ProviderUnknown(f"This deployment has no embedding provider of that key; it has: {keys}.")
    return provider


def external(gateway: Gateway, key: str, action: str) -> Provider:
    """The external provider of this key. Raises BadInput for a hosted one, which the operator manages."""
    provider = known(gateway, key)
    if provider.kind is Kind.HOSTED:
        raise BadInput(
            f"{provider.display_name} is hosted: its operator manages it, and users do not {action}.", provider=key
        )
    return provider


def check_region(provider: Provider, region: str) -> None:
    """Raises IntegrationNotAvailableInRegion for a hosted provider outside its regions."""
    if provider.regions is not None and region not in provider.regions:
        regions = ", ".join(sorted(provider.regions)) or "no region"
        raise IntegrationNotAvailableInRegion(
            f"{provider.display_name} is available in {regions}, and the database is in {region}: "
            "use a database there, or another provider.",
            provider=provider.key,
            region=region,
        )


def resolve(
    provider: Provider, model: str, dimension: int | None, parameters: Mapping[str, object] | None
) -> Configuration:
    """A checked choice of model, dimension and parameters, complete. Raises the coded error of what does not fit."""
    check_json(parameters, "parameters")
    with coded(provider):
        return configuration.resolve(provider, model, dimension, parameters)


@contextmanager
def coded(provider: Provider) -> Iterator[None]:
    """Refusals of the catalogue leave with their code."""
    try:
        yield
    except ConfigurationError as error:
        raise CODES[type(error)](str(error), provider=provider.key, model=redact(error.model)) from None
