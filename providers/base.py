"""What a provider is: facts about it, and two pure functions for the sender or one that embeds inside the process.

A new provider is one small file with these, and a line in PROVIDERS. Nothing here sends, waits or stores.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self
from urllib.parse import quote

from providers.embedding import Embedding, Reply
from providers.secret import Secret

HOST_LABEL = "[A-Za-z0-9-]{1,63}"
"""The pattern of a parameter that is one label of a host name: nothing in it can lead a secret to another host."""

JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}

ParameterValue = str | float | bool
"""A parameter's value as JSON has it; `float` covers whole numbers too."""


class Kind(StrEnum):
    """Whose account pays: the operator's, or the user's own."""

    HOSTED = "HOSTED"
    EXTERNAL = "EXTERNAL"


class ModelStatus(StrEnum):
    """A DEPRECATED model still embeds and cannot be chosen any more; one at its END_OF_LIFE does neither."""

    SUPPORTED = "SUPPORTED"
    DEPRECATED = "DEPRECATED"
    END_OF_LIFE = "END_OF_LIFE"


class ParameterType(StrEnum):
    STRING = "STRING"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"


class InputType(StrEnum):
    """What a text is: something to find, or something to find it with. Some models embed the two differently."""

    DOCUMENT = "DOCUMENT"
    QUERY = "QUERY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One setting of a provider or model. `pattern` must match the whole of a text; the bounds are inclusive."""

    name: str
    display_name: str
    help: str
    type: ParameterType = ParameterType.STRING
    required: bool = False
    default: ParameterValue | None = None
    choices: tuple[ParameterValue, ...] = ()
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """The lengths of vector that a model makes. Without a default the caller says which; `choices` narrow the range."""

    default: int | None
    minimum: int
    maximum: int
    choices: tuple[int, ...] = ()

    @classmethod
    def exactly(cls, length: int) -> Self:
        """A model that makes vectors of one length only."""
        return cls(default=length, minimum=length, maximum=length)

    @property
    def fixed(self) -> bool:
        """True where there is nothing to ask for: such a model must not be sent a dimension."""
        return self.minimum == self.maximum

    def allows(self, length: int) -> bool:
        return self.minimum <= length <= self.maximum and (not self.choices or length in self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as the catalogue knows it. `max_input_tokens` is for one text; None: not known, or no limit."""

    name: str
    dimension: Dimension
    max_input_tokens: int | None = None
    status: ModelStatus = ModelStatus.SUPPORTED
    status_message: str | None = None
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What one request may hold: texts, tokens over all of them (None: no published limit), bytes of their JSON.

    No vendor publishes a lower limit of bytes than this one, and a larger body would hold up the event loop.
    """

    texts: int
    tokens: int | None = None
    bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """What is asked of a provider, before it has a wire format. `parameters` are resolved, defaults included.

    Without a `dimension` it is the model's choice, and any will do.
    """

    texts: Sequence[str] = field(repr=False)
    model: Model
    dimension: int | None
    parameters: Mapping[str, ParameterValue]
    input_type: InputType

    def part(self, batch: range) -> Self:
        """The same request for some of its texts."""
        return replace(self, texts=self.texts[batch.start : batch.stop])


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A POST that is ready to go; its headers hold the secret, and are not shown."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The facts about a provider. `regions` is where a hosted one can be used; None: everywhere."""

    key: str
    display_name: str
    kind: Kind
    documentation_url: str | None
    credential_label: str = "API key"
    parameters: tuple[Parameter, ...] = ()
    models: tuple[Model, ...] = ()
    regions: frozenset[str] | None = None

    def model(self, name: str) -> Model | None:
        """The model of that name, whatever its status."""
        return next((model for model in self.models if model.name == name), None)

    def parameters_of(self, model: Model) -> tuple[Parameter, ...]:
        """All that a configuration with this model may set: the provider's own and then the model's."""
        return self.parameters + model.parameters


@dataclass(frozen=True, kw_only=True)
class HttpProvider(Provider, ABC):
    """A provider behind HTTP: what a request looks like, and how its reply and its refusals are read. All is pure.

    `base_url` and `path` may hold {parameter} and, in the path, {modelId}; an operator can replace the base URL.
    Paths into a body are like `error/message` or `detail/0/msg`; of several, the first that leads to a text wins.
    """

    base_url: str
    path: str
    limits: BatchLimits
    joined_by: str | None = None
    """A boolean parameter that joins the texts of a request, so that each text needs a request of its own."""
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    header_parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> the header that carries it."""
    error_paths: tuple[str, ...] = ("error/message",)
    error_code_paths: tuple[str, ...] = ("error/code", "error/type", "code", "type")
    error_field_paths: tuple[str, ...] = ("error/param", "param")
    """Where an error names the field of the request that it objects to."""
    input_field: str = "input"

    def build(self, request: EmbeddingRequest, secret: Secret) -> Outgoing:
        """One request for all of `request.texts`."""
        return Outgoing(self.url(request), self.headers(request, secret), self.body(request))

    def url(self, request: EmbeddingRequest) -> str:
        """Where the request goes. Values are percent-encoded, so that none can lead the secret to another host."""
        values = {name: quote(str(value), safe="") for name, value in request.parameters.items()}
        return (self.base_url + self.path).format_map(values | {"modelId": quote(request.model.name, safe="/")})

    def headers(self, request: EmbeddingRequest, secret: Secret) -> dict[str, str]:
        """All headers: those that parameters fill, and the one with the secret."""
        given = {header: name for name, header in self.header_parameters.items() if name in request.parameters}
        filled = {header: str(request.parameters[name]) for header, name in given.items()}
        return JSON_HEADERS | filled | {self.key_header: self.key_prefix + secret.value}

    @abstractmethod
    def body(self, request: EmbeddingRequest) -> dict[str, object]:
        """The JSON body."""

    @abstractmethod
    def parse(self, payload: object) -> Reply:
        """A success's JSON. Raises MalformedReplyError; need not look into the vectors themselves."""

    def batch_limits(self, parameters: Mapping[str, ParameterValue]) -> BatchLimits:
        """What one request may hold under these parameters."""
        joined = self.joined_by is not None and parameters.get(self.joined_by) is True
        return replace(self.limits, texts=1) if joined else self.limits

    def error_message(self, payload: object) -> str | None:
        """The text of an error's JSON, not redacted; None where it has none that we know of."""
        return next(_texts(payload, self.error_paths), None)

    def quota_exhausted(self, payload: object) -> bool:
        """Whether a 429 means that the account has nothing left, so that waiting does not help."""
        return "insufficient_quota" in _texts(payload, self.error_code_paths)

    def blames_call(self, payload: object) -> bool:
        """Whether a refusal names a field that all texts share, so that a smaller batch would not help."""
        blamed = re.search(r"\w+", next(_texts(payload, self.error_field_paths), self.input_field))
        return blamed is not None and blamed[0] != self.input_field


class InProcessProvider(Provider, ABC):
    """A provider that needs no network and no secret."""

    @abstractmethod
    async def embed(self, request: EmbeddingRequest) -> Embedding:
        """Embed every text of the request without blocking the event loop for long; when cancelled, stop soon."""


def _texts(payload: object, paths: Sequence[str]) -> Iterator[str]:
    """The texts that stand at these paths, in their order; nothing for a path that leads to something else."""
    for path in paths:
        found = _follow(payload, path.split("/"))
        if isinstance(found, str) and found:
            yield found


def _follow(payload: object, steps: Sequence[str]) -> object:
    """What stands at a path of object keys and array positions; None where the path ends."""
    for step in steps:
        if isinstance(payload, dict):
            payload = payload.get(step)
        elif isinstance(payload, list) and step.isdigit() and int(step) < len(payload):
            payload = payload[int(step)]
        else:
            return None
    return payload
