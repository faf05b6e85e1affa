"""Real text that every Python carries: the docstrings of the standard library's public functions and classes."""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

LONGEST = 1000
"""Characters of a docstring that are indexed: what it is about stands at its beginning."""

LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "site-packages", "turtledemo", "__pycache__", "ensurepip"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A function or class: its dotted name, module and docstring."""

    name: str
    module: str
    kind: str
    text: str


def docstrings() -> Iterator[Entry]:
    """Entries in the order of their modules' names; nothing is imported but what is built into the interpreter."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        if not LEFT_OUT.intersection(parts) and not any(part.startswith("_") and part != "__init__" for part in parts):
            yield from _of_source(path, ".".join(part for part in parts if part != "__init__"))
    for name in sorted(sys.builtin_module_names):
        if not name.startswith("_"):
            yield from _of_builtin(name)


def _of_source(path: Path, module: str) -> Iterator[Entry]:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:  # templates and examples of old syntax
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _entry(node, module, module)
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from _entry(inner, f"{module}.{node.name}", module)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _entry(node, module, module)


def _entry(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, owner: str, module: str) -> Iterator[Entry]:
    text = ast.get_docstring(node)
    if text and not node.name.startswith("_"):
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        yield Entry(f"{owner}.{node.name}", module, kind, text[:LONGEST])


def _of_builtin(module: str) -> Iterator[Entry]:
    for name, member in sorted(vars(import_module(module)).items()):
        text = inspect.getdoc(member) if callable(member) else None
        if text and not name.startswith("_"):
            yield Entry(f"{module}.{name}", module, "class" if inspect.isclass(member) else "function", text[:LONGEST])
