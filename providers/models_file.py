"""The operator's TOML file: adds models to providers, changes those that are there, and sets batch limits.

    [provider.openai]
    max_batch_texts = 256

    [[provider.openai.models]]
    name = "text-embedding-4"
    dimension = { default = 1024, minimum = 256, maximum = 4096 }

A model of a known name keeps what its entry leaves out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace

from providers.base import Dimension, HttpProvider, Model, ModelStatus, Provider
from providers.toml_table import TomlTable

WHERE = "models file"


def extend(providers: Mapping[str, Provider], text: str) -> tuple[dict[str, Provider], list[str]]:
    """The providers as the file would have them, and a sentence for each thing in it that cannot be."""
    problems: list[str] = []
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return dict(providers), [f"{WHERE}: is not TOML: {error}"]
    root = TomlTable(document, WHERE, problems)
    entries = root.table("provider")
    extended = {key: _provider(provider, entries.table(key)) for key, provider in providers.items()}
    entries.finish()
    root.finish()
    return extended, problems


def _provider(provider: Provider, entry: TomlTable) -> Provider:
    models = {model.name: model for model in provider.models}
    for each in entry.tables("models"):
        model = _model(models, each)
        if model:
            models[model.name] = model
    if isinstance(provider, HttpProvider):
        texts, tokens = entry.count("max_batch_texts"), entry.count("max_batch_tokens")
        limits = replace(provider.limits, texts=texts or provider.limits.texts, tokens=tokens or provider.limits.tokens)
        provider = replace(provider, limits=limits)
    elif len(models) > len(provider.models):
        entry.problem("embeds inside the process; its models can be changed and none can be added")
    entry.finish()
    return replace(provider, models=tuple(models.values()))


def _model(known: Mapping[str, Model], entry: TomlTable) -> Model | None:
    """The model of an entry, on top of the known one of that name; None where name or dimension are not to be had."""
    name = entry.text("name")
    base = known.get(name or "")
    dimension = _dimension(entry) or (base.dimension if base else None)
    status, message = _status(entry), entry.text("status_message")
    tokens = entry.count("max_input_tokens")
    entry.finish()
    for field, value in (("name", name), ("dimension", dimension)):
        if value is None and field not in entry:
            entry.problem(f"has no {field}")
    if name is None or dimension is None:
        return None
    base = base or Model(name=name, dimension=dimension)
    return replace(
        base,
        dimension=dimension,
        max_input_tokens=tokens or base.max_input_tokens,
        status=status or base.status,
        status_message=message or base.status_message,
    )


def _status(entry: TomlTable) -> ModelStatus | None:
    status = entry.text("status")
    if status is None or status in ModelStatus.__members__:
        return ModelStatus(status) if status else None
    entry.problem(f"status must be one of {', '.join(ModelStatus)}")
    return None


def _dimension(entry: TomlTable) -> Dimension | None:
    """A whole number for a fixed one, or a table; bounds that are left out are those of the choices."""
    if not isinstance(entry.value("dimension"), dict):
        fixed = entry.count("dimension")
        return Dimension.exactly(fixed) if fixed else None
    table = entry.table("dimension")
    default, choices = table.count("default"), table.counts("choices")
    minimum = table.count("minimum") or min(choices, default=None)
    maximum = table.count("maximum") or max(choices, default=None)
    table.finish()
    if minimum is None or maximum is None:
        table.problem("needs minimum and maximum, or choices")
        return None
    dimension = Dimension(default=default, minimum=minimum, maximum=maximum, choices=choices)
    if (
        minimum > maximum
        or not all(map(dimension.allows, choices))
        or not (default is None or dimension.allows(default))
    ):
        table.problem("minimum, maximum, choices and default contradict each other")
    return dimension
