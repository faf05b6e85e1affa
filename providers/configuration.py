"""Which model, dimension and parameters a caller may choose, checked against a provider's facts. Pure.

Errors name a parameter and what is expected of it, never the value that was given: people paste keys in odd places.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from providers.base import (
    Dimension,
    EmbeddingRequest,
    InputType,
    Model,
    ModelStatus,
    Parameter,
    ParameterType,
    ParameterValue,
    Provider,
)
from providers.errors import (
    DeprecatedModelError,
    EndOfLifeModelError,
    InvalidParametersError,
    UnknownModelError,
    UnsupportedDimensionError,
)
from providers.redact import redact


@dataclass(frozen=True, slots=True)
class Configuration:
    """A choice that has been checked and completed. This is what is stored with a target, and never derived again."""

    model: str
    dimension: int
    parameters: Mapping[str, ParameterValue]


def resolve(
    provider: Provider, model: str, dimension: int | None = None, parameters: Mapping[str, object] | None = None
) -> Configuration:
    """The configuration that a caller chooses, defaults filled in; a parameter that is null counts as left out.

    Raises a ConfigurationError: UnknownModelError, DeprecatedModelError, EndOfLifeModelError, InvalidParametersError
    or UnsupportedDimensionError.
    """
    chosen = usable_model(provider, model)
    if chosen.status is ModelStatus.DEPRECATED:
        message = _retired(provider, chosen, "is deprecated and cannot be chosen any more")
        raise DeprecatedModelError(message, provider=provider.key, model=model)
    values = _resolve_parameters(provider, chosen, parameters or {})
    return Configuration(model, _resolve_dimension(provider, chosen, dimension), values)


def trial(
    provider: Provider, model: str | None = None, parameters: Mapping[str, object] | None = None
) -> Configuration:
    """What to try a key with: the given model, deprecated or not, else the cheapest; parameters are completed likewise.

    Raises UnknownModelError, EndOfLifeModelError, or InvalidParametersError naming what is required and not given.
    """
    chosen = usable_model(provider, model or _cheapest(provider).name)
    values = _resolve_parameters(provider, chosen, parameters or {})
    return Configuration(chosen.name, chosen.dimension.default or chosen.dimension.minimum, values)


def _cheapest(provider: Provider) -> Model:
    """The model with the shortest vectors among those that are furthest from their end."""
    life = list(ModelStatus)
    return min(provider.models, key=lambda model: (life.index(model.status), model.dimension.minimum))


def usable_model(provider: Provider, name: str) -> Model:
    """A model that can embed today, deprecated ones included. Raises UnknownModelError, EndOfLifeModelError."""
    model = provider.model(name)
    if model is None:
        known = ", ".join(each.name for each in provider.models if each.status is ModelStatus.SUPPORTED)
        message = f"{provider.display_name} has no model named {redact(name)} here; it has: {known}."
        raise UnknownModelError(message, provider=provider.key, model=name)
    if model.status is ModelStatus.END_OF_LIFE:
        message = _retired(provider, model, "has reached its end of life and embeds no more")
        raise EndOfLifeModelError(message, provider=provider.key, model=name)
    return model


def request_for(
    provider: Provider, configuration: Configuration, texts: Sequence[str], input_type: InputType
) -> EmbeddingRequest:
    """What to ask of a provider under a stored configuration. Raises UnknownModelError, EndOfLifeModelError."""
    return EmbeddingRequest(
        texts=texts,
        model=usable_model(provider, configuration.model),
        dimension=configuration.dimension,
        parameters=configuration.parameters,
        input_type=input_type,
    )


def _retired(provider: Provider, model: Model, sentence: str) -> str:
    reason = f": {model.status_message}" if model.status_message else "."
    return f"{provider.display_name}'s model {model.name} {sentence}{reason}"


def _resolve_dimension(provider: Provider, model: Model, asked: int | None) -> int:
    length = model.dimension.default if asked is None else asked
    if length is None or not model.dimension.allows(length):
        given = "none was given" if length is None else f"{length} was asked for"
        name = f"{provider.display_name}'s model {model.name}"
        message = f"{name} makes vectors of dimension {_lengths(model.dimension)}; {given}."
        raise UnsupportedDimensionError(message, provider=provider.key, model=model.name, dimension=asked)
    return length


def _lengths(dimension: Dimension) -> str:
    if dimension.choices:
        return " or ".join(map(str, dimension.choices))
    return f"{dimension.minimum}" if dimension.fixed else f"{dimension.minimum} to {dimension.maximum}"


def _resolve_parameters(provider: Provider, model: Model, given: Mapping[str, object]) -> dict[str, ParameterValue]:
    known = {parameter.name: parameter for parameter in provider.parameters_of(model)}
    given = {name: value for name, value in given.items() if value is not None}
    problems = [
        f"{redact(name)} is no parameter of {provider.display_name}'s {model.name}"
        for name in given
        if name not in known
    ]
    values: dict[str, ParameterValue] = {}
    for name, parameter in known.items():
        value = given.get(name, parameter.default)
        if value is None and parameter.required:
            problems.append(f"{name} is required: {expectation(parameter)}")
        elif value is not None and _fits(value, parameter):
            values[name] = value
        elif value is not None:
            problems.append(f"{name} must be {expectation(parameter)}")
    if problems:
        raise InvalidParametersError(problems, provider=provider.key, model=model.name)
    return values


def expectation(parameter: Parameter) -> str:
    """What a value of this parameter must be, as a phrase."""
    if parameter.choices:
        return "one of " + ", ".join(map(str, parameter.choices))
    if parameter.type is ParameterType.BOOLEAN:
        return "true or false"
    if parameter.type is ParameterType.NUMBER:
        return f"a number{_bounds(parameter)}"
    return f"text that matches {parameter.pattern} as a whole" if parameter.pattern else "text"


def _bounds(parameter: Parameter) -> str:
    least = "" if parameter.minimum is None else f" of at least {parameter.minimum:g}"
    most = "" if parameter.maximum is None else f" of at most {parameter.maximum:g}"
    return " and".join(filter(None, (least, most)))


def _fits(value: object, parameter: Parameter) -> TypeGuard[ParameterValue]:
    if parameter.choices and value not in parameter.choices:
        return False
    match parameter.type:
        case ParameterType.STRING:
            return isinstance(value, str) and (not parameter.pattern or bool(re.fullmatch(parameter.pattern, value)))
        case ParameterType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool) and _in_range(parameter, value)
        case ParameterType.BOOLEAN:
            return isinstance(value, bool)


def _in_range(parameter: Parameter, value: float) -> bool:
    least = -math.inf if parameter.minimum is None else parameter.minimum
    most = math.inf if parameter.maximum is None else parameter.maximum
    return math.isfinite(value) and least <= value <= most
