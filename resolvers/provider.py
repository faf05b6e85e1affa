"""The catalogue of embedding providers: what this deployment can use, and what may be set."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import strawberry

import providers
from providers import base
from providers.base import Kind, ModelStatus, ParameterType
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.node import Node, global_id
from resolvers.scalar import JSON

described_enum(
    Kind,
    "Whose account a provider is used with.",
    {
        "HOSTED": "The operator of this deployment manages it: no credentials, no scopes.",
        "EXTERNAL": "The user's own account: needs a credential whose scope holds the database.",
    },
    name="ProviderKind",
)
described_enum(
    ModelStatus,
    "Where a model is in its life.",
    {
        "SUPPORTED": "Can be attached and embeds.",
        "DEPRECATED": "Embeds where it is attached, and cannot be attached any more.",
        "END_OF_LIFE": "Embeds no more. What it embedded stays searchable by vector.",
    },
)
described_enum(
    ParameterType,
    "The type of a parameter's value.",
    {"STRING": "A JSON string.", "NUMBER": "A JSON number.", "BOOLEAN": "true or false."},
)

SUPPORTED = [ModelStatus.SUPPORTED]


@strawberry.type(description="The lengths of vector that a model can answer. A fixed dimension has minimum = maximum.")
class ModelDimension:
    default_value: int | None = strawberry.field(description="Used when none is given; null: one must be given.")
    minimum: int = strawberry.field(description="The least dimension.")
    maximum: int = strawberry.field(description="The greatest dimension.")
    choices: list[int] | None = strawberry.field(
        description="The only dimensions there are; null: any from minimum to maximum."
    )

    @classmethod
    def of(cls, dimension: base.Dimension) -> ModelDimension:
        choices = list(dimension.choices) or None
        return cls(
            default_value=dimension.default, minimum=dimension.minimum, maximum=dimension.maximum, choices=choices
        )


@strawberry.type(description="Something that can be set for a provider or a model, in parameters.")
class ProviderParameter:
    name: str = strawberry.field(description="The key in parameters.")
    display_name: str = strawberry.field(description="What people call it.")
    type: ParameterType = strawberry.field(description="The type of its value.")
    required: bool = strawberry.field(description="Whether it must be given.")
    default_value: JSON | None = strawberry.field(description="Used when it is not given.")
    choices: list[JSON] | None = strawberry.field(description="The only values there are; null: not limited to a list.")
    pattern: str | None = strawberry.field(description="A regular expression that all of a string must match.")
    minimum: float | None = strawberry.field(description="The least number.")
    maximum: float | None = strawberry.field(description="The greatest number.")
    help: str = strawberry.field(description="What it does, and where to find its value.")

    @classmethod
    def of(cls, parameter: base.Parameter) -> ProviderParameter:
        return cls(
            name=parameter.name,
            display_name=parameter.display_name,
            type=parameter.type,
            required=parameter.required,
            default_value=parameter.default,
            choices=list(parameter.choices) or None,
            pattern=parameter.pattern,
            minimum=parameter.minimum,
            maximum=parameter.maximum,
            help=parameter.help,
        )


@strawberry.type(description="An embedding model.")
class EmbeddingModel:
    name: str = strawberry.field(description="The provider's name for it, as in EmbeddingInput.model.")
    dimension: ModelDimension = strawberry.field(description="The lengths of vector it can answer.")
    max_input_tokens: int | None = strawberry.field(
        description="How long one text may be; null: the provider does not say."
    )
    status: ModelStatus = strawberry.field(description="Whether it can be attached, and whether it embeds.")
    status_message: str | None = strawberry.field(description="Why it has its status, and what to use instead.")
    parameters: list[ProviderParameter] = strawberry.field(
        description="What can be set for this model, beside the provider's own."
    )

    @classmethod
    def of(cls, model: base.Model) -> EmbeddingModel:
        return cls(
            name=model.name,
            dimension=ModelDimension.of(model.dimension),
            max_input_tokens=model.max_input_tokens,
            status=model.status,
            status_message=model.status_message,
            parameters=[ProviderParameter.of(each) for each in model.parameters],
        )


@strawberry.type(description="A service that turns text into vectors.")
class EmbeddingProvider(Node):
    provider: strawberry.Private[base.Provider]
    all_regions: strawberry.Private[list[str]]
    key: str = strawberry.field(description="What it is called in inputs, such as openai.")
    display_name: str = strawberry.field(description="What people call it. deactivateIntegration needs it typed again.")
    kind: Kind = strawberry.field(description="Whose account it is used with.")
    documentation_url: str | None = strawberry.field(description="The vendor's page about embeddings.")
    credential_label: str = strawberry.field(
        description='What the vendor calls the secret: "API key", "User access token".'
    )

    @classmethod
    def of(cls, info: Info, provider: base.Provider) -> EmbeddingProvider:
        return cls(
            id=global_id("EmbeddingProvider", provider.key),
            provider=provider,
            all_regions=list(info.context.gateway.postgres.regions),
            key=provider.key,
            display_name=provider.display_name,
            kind=provider.kind,
            documentation_url=provider.documentation_url,
            credential_label=provider.credential_label,
        )

    @strawberry.field(description="What can be set for every model of this provider.")
    def parameters(self) -> list[ProviderParameter]:
        return [ProviderParameter.of(each) for each in self.provider.parameters]

    @strawberry.field(description="Its models.")
    def models(
        self,
        statuses: Annotated[
            list[ModelStatus], strawberry.argument(description="Only models with one of these.")
        ] = SUPPORTED,
    ) -> list[EmbeddingModel]:
        return [EmbeddingModel.of(each) for each in self.provider.models if each.status in statuses]

    @strawberry.field(description="A model by name, whatever its status; null: there is none.")
    def model(
        self, name: Annotated[str, strawberry.argument(description="The provider's name for it.")]
    ) -> EmbeddingModel | None:
        found = self.provider.model(name)
        return EmbeddingModel.of(found) if found else None

    @strawberry.field(
        description="The regions whose databases can use it: hosted providers have their own, external ones every region."
    )
    def regions(self) -> list[str]:
        own = self.provider.regions
        return [each for each in self.all_regions if own is None or each in own]


def provider_by_key(info: Info, key: str) -> EmbeddingProvider | None:
    """The provider of that key; None when this deployment has none."""
    found = info.context.gateway.catalogue.get(key)
    return EmbeddingProvider.of(info, found) if found else None


def stored_provider(info: Info, key: str) -> EmbeddingProvider:
    """The provider that something stored names; one that the operator has withdrawn is shown without regions."""
    found = info.context.gateway.catalogue.get(key) or replace(providers.by_key()[key], regions=frozenset())
    return EmbeddingProvider.of(info, found)


@strawberry.type
class ProviderQuery:
    @strawberry.field(
        description="The providers this deployment can use; each is always listed, whatever the status of its models."
    )
    def embedding_providers(self, info: Info) -> list[EmbeddingProvider]:
        return [EmbeddingProvider.of(info, each) for each in info.context.gateway.catalogue]

    @strawberry.field(description="A provider by key; null: this deployment has none of that key.")
    def embedding_provider(
        self, info: Info, key: Annotated[str, strawberry.argument(description="The provider's key, such as openai.")]
    ) -> EmbeddingProvider | None:
        return provider_by_key(info, key)
