"""Voyage AI. Wire format, models and limits: docs.voyageai.com/reference/embeddings-api and docs.voyageai.com/docs/embeddings."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, InputType, Kind, Model, Parameter, ParameterType
from providers.openai_compatible import OpenAICompatible

VARIABLE = Dimension(default=1024, minimum=256, maximum=2048, choices=(256, 512, 1024, 2048))


def _model(name: str, dimension: Dimension, max_input_tokens: int) -> Model:
    return Model(name=name, dimension=dimension, max_input_tokens=max_input_tokens)


VOYAGE_AI = OpenAICompatible(
    key="voyageAI",
    display_name="Voyage AI",
    kind=Kind.EXTERNAL,
    documentation_url="https://docs.voyageai.com/docs/embeddings",
    base_url="https://api.voyageai.com/v1",
    parameters=(
        Parameter(
            name="autoTruncate",
            display_name="Auto truncate",
            type=ParameterType.BOOLEAN,
            default=True,
            help="Cut texts that are longer than the model takes; otherwise they are refused.",
        ),
    ),
    body_parameters={"autoTruncate": "truncation"},
    encoding_format="base64",
    dimension_field="output_dimension",
    input_types={InputType.DOCUMENT: "document", InputType.QUERY: "query"},
    error_paths=("detail", "detail/0/msg"),
    error_field_paths=("detail/0/loc/1",),
    limits=BatchLimits(texts=1000, tokens=120_000),
    models=(
        _model("voyage-4", VARIABLE, 32_000),
        _model("voyage-4-large", VARIABLE, 32_000),
        _model("voyage-4-lite", VARIABLE, 32_000),
        _model("voyage-3.5", VARIABLE, 32_000),
        _model("voyage-3.5-lite", VARIABLE, 32_000),
        _model("voyage-large-2-instruct", Dimension.exactly(1024), 16_000),
        _model("voyage-law-2", Dimension.exactly(1024), 16_000),
        _model("voyage-code-2", Dimension.exactly(1536), 16_000),
        _model("voyage-large-2", Dimension.exactly(1536), 16_000),
        _model("voyage-2", Dimension.exactly(1024), 4000),
        _model("voyage-finance-2", Dimension.exactly(1024), 32_000),
        _model("voyage-multilingual-2", Dimension.exactly(1024), 32_000),
    ),
)
