"""The settings, as app/settings.py declares them."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from app.settings import PREFIX, Settings
from docs.generator.markdown import code, section

DATA_DIR = "the user's data directory; for root `/var/lib/vectorgate`"


def settings() -> str:
    """A section for each setting: its meaning and default. The heading is the variable's name, to link to."""
    return "\n".join(_setting(name, field) for name, field in Settings.model_fields.items())


def _setting(name: str, field: FieldInfo) -> str:
    return section(2, PREFIX + name.upper(), f"{field.description}.", f"Default: {_default(name, field)}")


def _default(name: str, field: FieldInfo) -> str:
    """As an operator would write it."""
    if name == "data_dir":
        return DATA_DIR
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    return code("on" if value is True else "off" if value is False else value)
