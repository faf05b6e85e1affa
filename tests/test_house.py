"""The eight laws of the house. Each test's failure quotes its law; none has a list of exceptions."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import strawberry
from graphql import GraphQLSchema, build_schema

from app.errors import CATALOGUE
from resolvers.permission import RequiresPermission
from resolvers.schema import build_schema as built
from resolvers.schema import printed
from tests.factory import Running

ROOT = Path(__file__).parent.parent
FLOORS = {
    "providers": 0,
    "app.errors": 0,
    "app.setting_value": 0,
    "app.settings": 0,
    "app": 1,
    "app.store": 2,
    "app.domain": 3,
    "resolvers": 4,
    "app.assembly": 5,
    "app.cli": 5,
    "app.web": 5,
    "app.main": 5,
    "app.seeing": 5,
    "app.__main__": 5,
}
"""The floor of a module is that of the longest of these names that it begins with."""

ALLOWED: dict[str, Callable[[str, int], bool]] = {
    "strawberry": lambda _, floor: floor >= 4,
    "graphql": lambda _, floor: floor >= 4,
    "starlette": lambda _, floor: floor == 5,
    "asyncpg": lambda module, _: module == "app.postgres" or module.startswith("app.store."),
    "httpx": lambda module, floor: module.startswith("providers") or module == "app.gateway" or floor == 5,
    "prometheus_client": lambda module, _: module.startswith("app.seeing."),
    "opentelemetry": lambda module, _: module == "app.seeing.traces",
}
SQL = re.compile(
    r"^\s*(with \w+ as\b|select\b.*\bfrom\b|insert into\b|update [\w.]+ set\b|delete from\b|(create|drop|alter) (table|index|schema)\b)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Module:
    """A module of the product."""

    path: Path

    @property
    def name(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @property
    def floor(self) -> int:
        return floor_of(self.name)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    @property
    def functions(self) -> list[Function]:
        return [Function(self, node) for node in self.nodes(ast.FunctionDef, ast.AsyncFunctionDef)]  # type: ignore[arg-type] # nodes() has filtered

    @property
    def imports(self) -> set[str]:
        """Full names of what is imported, names from packages included."""
        found: set[str] = set()
        for node in self.nodes(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return found


@dataclass(frozen=True)
class Function:
    """A function or method of the product."""

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def parameters(self) -> dict[str, str]:
        arguments = self.node.args
        every = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
        return {each.arg: ast.unparse(each.annotation) if each.annotation else "" for each in every}

    @property
    def calls(self) -> set[str]:
        """The last names of what is called: `embedding.embed(…)` calls `embed`."""
        return {last_name(node.func) for node in ast.walk(self.node) if isinstance(node, ast.Call)}

    @property
    def where(self) -> str:
        return f"{self.module.name}.{self.name}"


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def floor_of(module: str) -> int:
    names = [name for name in FLOORS if module == name or module.startswith(f"{name}.")]
    return FLOORS[max(names, key=len)]


def modules(*packages: str) -> list[Module]:
    return [Module(path) for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


PRODUCT = modules("app", "providers", "resolvers")
KNOWN = {module.name for module in PRODUCT}
FUNCTIONS = [function for module in PRODUCT for function in module.functions]


def none(broken: Iterable[str], law: str) -> None:
    """Fail with the law, and with where it is broken."""
    found = list(broken)
    assert not found, f"\n{law}\nBroken by:\n  " + "\n  ".join(found)


def test_1_imports_point_down() -> None:
    upward = (
        f"{module.name} imports {name}"
        for module in PRODUCT
        for name in module.imports & KNOWN
        if floor_of(name) > module.floor
    )
    none(upward, "Law 1: imports point down; a floor never imports a floor above it.")


def test_1_libraries_stay_on_their_floors() -> None:
    strayed = (
        f"{module.name} imports {library}"
        for module in PRODUCT
        for library, allowed in ALLOWED.items()
        if any(name.split(".")[0] == library for name in module.imports) and not allowed(module.name, module.floor)
    )
    none(
        strayed,
        "Law 1: strawberry and graphql only in resolvers/ and the roof; asyncpg only in app/postgres.py and app/store/; "
        "httpx only in providers/, app/gateway.py and the roof; starlette only in the roof; "
        "prometheus_client and opentelemetry only in app/seeing/.",
    )


def test_2_all_sql_is_on_the_store_floor() -> None:
    elsewhere = (
        f"{module.name}:{node.lineno}"
        for module in PRODUCT
        if not module.name.startswith("app.store")
        for node in module.nodes(ast.Constant)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    )
    none(elsewhere, "Law 2: all SQL is on the store floor.")


def test_2_values_are_parameters_and_identifiers_are_quoted_in_one_place() -> None:
    """What stands in a statement: constants, what functions have made (placeholders, names, conditions), and whole numbers."""
    store = [function for function in FUNCTIONS if function.module.name.startswith("app.store.")]
    spliced = (
        f"{function.where} line {part.lineno} puts {ast.unparse(part.value)} into a statement"
        for function in store
        for text in ast.walk(function.node)
        if isinstance(text, ast.JoinedStr) and is_sql(text)
        for part in text.values
        if isinstance(part, ast.FormattedValue) and not may_stand_in_sql(function, part)
    )
    none(spliced, "Law 2: identifiers are quoted in one place; values are always parameters.")
    pasted = (
        f"{module.name}:{node.lineno}"
        for module in modules("app/store")
        for node in module.nodes(ast.BinOp, ast.Call)
        if (isinstance(node, ast.BinOp) and is_sql(node.left))
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
            and is_sql(node.func.value)
        )
    )
    none(pasted, "Law 2: no statement is put together with +, % or format.")
    quoting = (
        module.name
        for module in modules("app")
        if module.name != "app.store.identifier"
        for call in module.nodes(ast.Call)
        if isinstance(call, ast.Call) and last_name(call.func) == "replace" and "'\"\"'" in ast.unparse(call)
    )
    none(quoting, "Law 2: identifiers are quoted in one place, app/store/identifier.py.")


def is_sql(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.JoinedStr) and bool(
        SQL.match(ast.unparse(node).lstrip("rf'\"").replace("\\n", "\n"))
    )


def may_stand_in_sql(function: Function, part: ast.FormattedValue) -> bool:
    """A constant, a call, a number as `:d`, or a local name that was made of such; of parameters only those of SQL's own types."""
    if part.format_spec is not None and ast.unparse(part.format_spec) == "f'd'":
        return True
    value = part.value
    if isinstance(value, ast.Subscript):
        value = value.value
    if isinstance(value, ast.Name):
        annotation = function.parameters.get(value.id)
        return annotation not in {"str", "object", "Any", "str | None"}
    return isinstance(value, ast.Call | ast.IfExp | ast.JoinedStr)


def test_3_a_read_by_organization_says_so_in_its_statement() -> None:
    """The parameter alone is no promise: the SQL that the function runs must compare with it."""
    careless = (
        f"{function.where} runs {name}"
        for function in FUNCTIONS
        if function.module.name.startswith("app.store.") and "organization_id" in function.parameters
        for name in {
            node.id for node in ast.walk(function.node) if isinstance(node, ast.Name) and node.id.lstrip("_").isupper()
        }
        for statement in [getattr(importlib.import_module(function.module.name), name, None)]
        if isinstance(statement, str)
        and SQL.match(statement)
        and not re.search(r"insert into|organization_id( =|\)? in)", statement)
    )
    none(careless, "Law 3: every store read of tenant data takes organization_id, and compares with it.")


def test_3_whoever_acts_for_a_caller_reads_by_organization() -> None:
    readers = {
        (function.module.name.rsplit(".", 1)[-1], function.name)
        for function in FUNCTIONS
        if function.module.name.startswith("app.store.")
        and "connection" in function.parameters
        and function.calls & {"fetch", "fetchrow", "fetchval"}
        and not {"organization_id", "collection", "table"} & set(function.parameters)
        and "insert into" not in ast.unparse(function.node).lower()
    }
    unscoped = (
        f"{function.where} reads {store}.{name}"
        for function in FUNCTIONS
        if {"actor", "info"} & set(function.parameters)
        for store, name in called_stores(function)
        if (store, name) in readers
    )
    none(
        unscoped,
        "Law 3: every store read of tenant data takes organization_id, or a collection or table that was read by it; "
        "a foreign row and a missing row are the same NOT_FOUND.",
    )


def called_stores(function: Function) -> set[tuple[str, str]]:
    """(store module, function) pairs that a function calls, whatever alias the module has."""
    aliases: dict[str, str] = {}
    for node in function.module.nodes(ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and node.module == "app.store":
            aliases |= {alias.asname or alias.name: alias.name for alias in node.names}
    calls = (node.func for node in ast.walk(function.node) if isinstance(node, ast.Call))
    return {
        (aliases[call.value.id], call.attr)
        for call in calls
        if isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name) and call.value.id in aliases
    }


def test_4_no_connection_is_held_while_a_provider_answers() -> None:
    asking = {function.where for function in FUNCTIONS if any(asks_provider(call) for call in calls_of(function.node))}
    while more := {each.where for each in FUNCTIONS if called(each, each.node) & asking} - asking:
        asking |= more
    assert "app.domain.search.vector_search" in asking, "the search for callers has gone blind"
    holding = (
        f"{function.where} line {block.lineno}"
        for function in FUNCTIONS
        for block in ast.walk(function.node)
        if isinstance(block, ast.AsyncWith) and any(takes_connection(item.context_expr) for item in block.items)
        if any(called(function, inner) & asking for inner in block.body)
    )
    none(holding, "Law 4: no connection is held while waiting for a provider.")


def calls_of(node: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


def asks_provider(call: ast.Call) -> bool:
    return bool(re.search(r"(sender\.(embed|try_key)|provider\.embed)$", ast.unparse(call.func)))


def called(function: Function, node: ast.AST) -> set[str]:
    """Full names of the product's functions that are called below a node; a method is looked for in its caller's module."""
    imported: dict[str, str] = {}
    for each in function.module.nodes(ast.ImportFrom):
        if isinstance(each, ast.ImportFrom) and each.module:
            imported |= {alias.asname or alias.name: f"{each.module}.{alias.name}" for alias in each.names}
    found = set()
    for call in calls_of(node):
        match call.func:
            case ast.Name(id=name):
                found.add(imported.get(name, f"{function.module.name}.{name}"))
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in imported:
                found.add(f"{imported[name]}.{attribute}")
            case ast.Attribute(attr=attribute):
                found.add(f"{function.module.name}.{attribute}")
    return found


def takes_connection(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in {"connection", "transaction", "outside"}


def test_5_nothing_about_credentials_scopes_or_permissions_outlives_a_request() -> None:
    lasting = re.compile(r"functools\.(lru_cache|cache)$|(cachetools|aiocache|async_lru)(\.|$)")
    cached = (
        f"{module.name} imports {name}"
        for module in modules("app/domain", "app/store")
        for name in module.imports
        if lasting.match(name)
    )
    mutable = (
        f"{module.name}:{node.lineno}"
        for module in modules("app", "resolvers")
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        if is_empty_container(node.value)
    )
    law = "Law 5: nothing about credentials, scopes or permissions is cached between requests."
    none(cached, law)
    none(mutable, law)


def is_empty_container(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Call):
        makers = {
            "dict",
            "list",
            "set",
            "defaultdict",
            "OrderedDict",
            "WeakKeyDictionary",
            "WeakValueDictionary",
            "deque",
        }
        return last_name(node.func) in makers and not node.args and not node.keywords
    return isinstance(node, ast.List | ast.Dict | ast.Set) and not (
        getattr(node, "elts", None) or getattr(node, "keys", None)
    )


def test_6_secrets_are_opened_in_one_function() -> None:
    opening = [
        function.where
        for function in FUNCTIONS
        if function.module.name != "app.secret"
        for call in ast.walk(function.node)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("keyring.open")
    ]
    assert opening == ["app.domain.embedding.opened"], (
        f"Law 6: secrets are sealed and opened in one function.\n{opening}"
    )


async def test_7_attachments_point_to_a_credential_by_name(running: Running) -> None:
    references = await running.sql(
        "select confrelid::regclass::text as other from pg_constraint where conrelid = 'vectorgate.attachment'::regclass and contype = 'f'"
    )
    law = "Law 7: attachments point to a credential by name, so that re-creating it with the same name is a property of the model."
    assert "vectorgate.credential" not in {row["other"] for row in references}, law


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return built()


@pytest.fixture(scope="module")
def sdl(schema: strawberry.Schema) -> GraphQLSchema:
    return build_schema(printed(schema))


def test_8_every_mutation_declares_its_permission(schema: strawberry.Schema) -> None:
    mutation = schema.get_type_by_name("Mutation")
    fields = getattr(mutation, "fields", [])
    assert fields
    undeclared = (
        field.name
        for field in fields
        for permission in [
            next((each.permission for each in field.directives if isinstance(each, RequiresPermission)), None)
        ]
        if permission is None or permission.value not in (field.description or "")
    )
    none(undeclared, "Law 8: every mutation declares its permission, in its directive and in its description.")


def test_8_everything_in_the_schema_is_described(sdl: GraphQLSchema) -> None:
    none(undescribed(sdl), "Law 8: every public type, field, argument and enum value is described.")


def undescribed(sdl: GraphQLSchema) -> Iterator[str]:
    built_in = {"String", "Int", "Float", "Boolean", "ID"}
    for name, kind in sdl.type_map.items():
        if name.startswith("__") or name in built_in:
            continue
        if not kind.description:
            yield name
        for field_name, field in getattr(kind, "fields", {}).items():
            if not field.description:
                yield f"{name}.{field_name}"
            yield from (
                f"{name}.{field_name}({arg}:)"
                for arg, each in getattr(field, "args", {}).items()
                if not each.description
            )
        yield from (f"{name}.{value}" for value, each in getattr(kind, "values", {}).items() if not each.description)


def test_8_every_code_that_can_be_answered_is_documented_and_tested() -> None:
    used = {
        code
        for code, kind in CATALOGUE.items()
        if any(
            isinstance(node, ast.Name) and node.id == kind.__name__
            for module in PRODUCT
            if module.name != "app.errors"
            for node in module.nodes(ast.Name)
        )
    }
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    readme = (ROOT / "README.md").read_text()
    none((code for code in CATALOGUE if not named(code, readme)), "Law 8: every code is documented (in README.md).")
    none((code for code in sorted(used) if not named(code, tests)), "Law 8: every code that can be answered is tested.")


def named(code: str, text: str) -> bool:
    """Whether the code itself is named, and not only one that ends like it."""
    return re.search(rf"(?<![A-Z_]){code}(?![A-Z_])", text) is not None
