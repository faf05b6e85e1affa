"""The embedding providers, as the catalogue in providers/ has them."""

from __future__ import annotations

import json

from docs.generator.markdown import code, fence, section, table
from providers import PROVIDERS, by_key
from providers.base import Dimension, HttpProvider, Kind, Model, ModelStatus, Parameter, Provider

EXAMPLES = {"resourceName": "my-resource", "deploymentId": "my-deployment", "endpointName": "my-endpoint"}
EXAMPLES |= {"regionName": "us-east-1", "cloudName": "aws"}
"""What a reader would write for the parameters that have no default."""

BEYOND_DEFAULT = 1024
"""The dimension of an example, where a model leaves it to the caller."""


def providers() -> str:
    """A row for each provider."""
    rows = [
        [
            f"[{each.display_name}]({each.key}.md)",
            code(each.key),
            each.kind.lower(),
            str(len(each.models)),
            _sizes(each),
        ]
        for each in PROVIDERS
    ]
    return table(("provider", "key", "kind", "models", "dimensions"), rows)


def provider(key: str) -> str:
    """All that the catalogue knows of a provider, and an `embedding` input to begin with."""
    found = by_key()[key]
    return "\n".join(
        (
            _facts(found),
            section(2, "Models", table(("model", "dimension", "longest text", "status"), map(_model, found.models))),
            section(2, "Parameters", _parameters(found)),
            section(2, "Limits of one request", _limits(found)),
            section(2, "An embedding configuration", fence("json", json.dumps(example(found), indent=2), "embedding")),
        )
    )


def example(found: Provider) -> dict[str, object]:
    """An EmbeddingInput with the provider's first model that can be attached."""
    model = next(each for each in found.models if each.status is ModelStatus.SUPPORTED)
    required = {each.name: EXAMPLES[each.name] for each in found.parameters_of(model) if each.required}
    given: dict[str, object] = {"provider": found.key}
    if found.kind is Kind.EXTERNAL:
        given["credential"] = "production"
    given["model"] = model.name
    if model.dimension.default is None:
        given["dimension"] = BEYOND_DEFAULT
    return given | ({"parameters": required} if required else {})


def _facts(found: Provider) -> str:
    rows = [["key", code(found.key)], ["kind", _kind(found)]]
    if isinstance(found, HttpProvider):
        rows.append(["address", code(found.base_url + found.path)])
    if found.kind is Kind.EXTERNAL:
        rows.append(["credential", found.credential_label])
    if found.documentation_url:
        rows.append(["the vendor's page", f"<{found.documentation_url}>"])
    return table(("", ""), rows)


def _kind(found: Provider) -> str:
    return "hosted: the operator's, no credential" if found.kind is Kind.HOSTED else "external: an account of your own"


def _sizes(found: Provider) -> str:
    shortest = min(each.dimension.minimum for each in found.models)
    longest = max(each.dimension.maximum for each in found.models)
    return f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"


def _model(model: Model) -> list[str]:
    tokens = f"{model.max_input_tokens:,} tokens" if model.max_input_tokens else "no published limit"
    status = model.status.lower().replace("_", " ")
    return [
        code(model.name),
        _dimension(model.dimension),
        tokens,
        ". ".join(filter(None, (status, model.status_message))),
    ]


def _dimension(dimension: Dimension) -> str:
    if dimension.fixed:
        return f"{dimension.maximum:,}"
    span = ", ".join(map(str, dimension.choices)) or f"{dimension.minimum:,} to {dimension.maximum:,}"
    return f"{span}; {'you say which' if dimension.default is None else f'{dimension.default:,} by default'}"


def _parameters(found: Provider) -> str:
    rows = [[*_parameter(each), "every model"] for each in found.parameters]
    rows += [[*_parameter(each), code(model.name)] for model in found.models for each in model.parameters]
    return table(("parameter", "type", "meaning", "of"), rows) if rows else "None."


def _parameter(parameter: Parameter) -> list[str]:
    told = [parameter.help]
    if parameter.choices:
        told.append("One of " + ", ".join(code(json.dumps(each)) for each in parameter.choices) + ".")
    if parameter.default is not None:
        told.append(f"Default: {code(json.dumps(parameter.default))}.")
    if parameter.required:
        told.append("**Required.**")
    return [code(parameter.name), parameter.type.lower(), " ".join(told)]


def _limits(found: Provider) -> str:
    if not isinstance(found, HttpProvider):
        return "None: it runs in the gateway's own process."
    tokens = f", {found.limits.tokens:,} tokens over all of them" if found.limits.tokens else ""
    return (
        f"{found.limits.texts:,} texts{tokens}, {found.limits.bytes:,} bytes. "
        "Longer inserts are packed into several requests; a request that is refused as too large is halved and sent again."
    )
