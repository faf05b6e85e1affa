"""Scalars of the schema that are no single class in Python: pyproject.toml names these for them."""

from typing import Any, TypeAlias

JSONObject: TypeAlias = dict[str, Any]
Vector: TypeAlias = list[float]
