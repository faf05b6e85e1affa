"""Documents read once: parsed, validated and measured, then kept under the hash of their text.

Nothing here depends on a request: no variable values, no caller. A document that fails is kept as its errors.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from hashlib import sha256

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValuesOfCorrectTypeRule,
    parse,
    specified_rules,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.errors import BadInput
from resolvers.operation.coercion import QuietValuesRule
from resolvers.operation.failure import bad_input, located
from resolvers.operation.limits import OperationSize, RequestLimits, amount, measure, too_bulky, too_many_tokens
from resolvers.operation.plan.keeper import Grown, Plans
from resolvers.operation.shape import bulk, shapes
from resolvers.operation.validation import validated
from resolvers.operation.variables import Variables

CAPACITY = 64 * 1024 * 1024
"""Bytes that kept documents may take, as estimated."""

TOKEN_BYTES = 600
"""What a token takes as syntax tree with locations (tracemalloc says 280 to 620)."""

REFUSED_BYTES = 2048
"""What a failed document takes: a few messages."""

CHARACTERS_PER_TOKEN = 32
"""Bounds a document's text by its token limit: the lexer takes 0.1 s for a million characters, however few tokens."""

MAX_ERRORS = 10
"""Validation errors told of one document."""

MAX_COMPARISONS = 10_000
"""Budget for comparing fields of one name. With graphql-core's own, fifty times this, one document blocks for 0.7 s."""

KEPT_SIZES = 64
"""Measurements kept of an operation whose variables size lists, one for each set of sizes."""

ENTANGLED = "The document repeats fields too often, or nests fragments too deeply, to be validated."


class FrugalOverlapRule(OverlappingFieldsCanBeMergedRule):
    """graphql-core's rule, giving up earlier."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MAX_COMPARISONS


class PreparedOperation:
    """One operation of a valid document. It keeps the plans made of it; `grown` is told how many bytes they take."""

    def __init__(
        self,
        schema: GraphQLSchema,
        node: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        grown: Grown,
    ) -> None:
        self.node = node
        self.plans = Plans(schema, node, fragments, grown)
        self.variables = Variables(schema, node)
        self.name: str | None = node.name.value if node.name else None
        self.kind: OperationType = node.operation
        self._measure = partial(measure, schema, node, fragments)
        self._measured = lru_cache(KEPT_SIZES)(lambda *amounts: self._measure(dict(amounts)))

    @cached_property
    def size(self) -> OperationSize:
        """As if the variables that size lists were left out. Counted when it is first run, not with its siblings."""
        return self._measure({})

    def size_with(self, variables: Mapping[str, object]) -> OperationSize:
        """The size under these coerced variables; counted anew only for sizes of lists not met lately."""
        if not self.size.sized_by:
            return self.size
        return self._measured(*((name, amount(variables.get(name))) for name in self.size.sized_by))


@dataclass(eq=False, slots=True)
class PreparedDocument:
    """A valid document. `hash`, the SHA-256 of its text in hexadecimal, stands for it in logs and audit.

    Its `weight` in bytes, as estimated, grows with the plans that are made of its operations.
    """

    hash: str
    ast: DocumentNode
    tokens: int
    fragments: Mapping[str, FragmentDefinitionNode]
    operations: Mapping[str | None, PreparedOperation]
    weight: int

    def operation(self, name: str | None) -> PreparedOperation:
        """The operation of that name, or the only one. Raises BadInput."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise BadInput(f"The document has {len(self.operations)} operations: name one in operationName.")
        if name not in self.operations:
            raise BadInput("The document has no operation of the name given in operationName.")
        return self.operations[name]


@dataclass(frozen=True, eq=False, slots=True)
class RefusedDocument:
    """A document that cannot be parsed or is not valid. Its errors hold no part of it."""

    hash: str
    errors: tuple[GraphQLError, ...]
    weight: int = REFUSED_BYTES


class DocumentCache:
    """Reads documents, each text once while it is kept: the least lately used go when `capacity` bytes are taken."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: RequestLimits,
        capacity: int = CAPACITY,
        *,
        introspection: bool = True,
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.capacity = capacity
        self.introspection = introspection
        self.rules = validation_rules(introspection=introspection)
        self.weight = 0
        self.hits = self.misses = self.plans_made = 0
        self._kept: OrderedDict[str, PreparedDocument | RefusedDocument] = OrderedDict()

    def prepare(self, text: str) -> PreparedDocument | RefusedDocument:
        # A lone surrogate is for the lexer to refuse; it must not break the hash.
        key = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        kept = self._kept.get(key)
        if kept is None:
            self.misses += 1
            kept = self._read(key, text)
            self._keep(kept)
        else:
            self.hits += 1
            self._kept.move_to_end(key)
        return kept

    def _keep(self, document: PreparedDocument | RefusedDocument) -> None:
        self._kept[document.hash] = document
        self._weigh(document.weight)

    def _grew(self, key: str, weight: int) -> None:
        """Plans of a document were made or dropped; if it is kept no more, they go with it."""
        self.plans_made += 1
        document = self._kept.get(key)
        if isinstance(document, PreparedDocument):
            document.weight += weight
            self._weigh(weight)

    def _weigh(self, weight: int) -> None:
        self.weight += weight
        while self.weight > self.capacity:
            self.weight -= self._kept.popitem(last=False)[1].weight

    def _read(self, key: str, text: str) -> PreparedDocument | RefusedDocument:
        ast = self._parsed(text)
        if isinstance(ast, GraphQLError):
            return RefusedDocument(key, (ast,))
        excess = self._excess(ast)
        if excess is not None:
            return RefusedDocument(key, (excess,))
        errors = validated(self.schema, ast, self.rules, most=MAX_ERRORS, hide_suggestions=not self.introspection)
        return RefusedDocument(key, tuple(_told(errors))) if errors else self._prepared(key, text, ast)

    def _parsed(self, text: str) -> DocumentNode | GraphQLError:
        # Errors are returned, not raised: a traceback would keep the text alive with the kept error.
        most = self.limits.max_tokens
        if len(text) > most * CHARACTERS_PER_TOKEN:
            return located(too_many_tokens(most))
        try:
            return parse(text, max_lexical_tokens=most, max_comments=most)
        except GraphQLSyntaxError as error:
            too_many = error.description.startswith("Document contains more than")
            return located(too_many_tokens(most)) if too_many else bad_input(error)

    def _excess(self, ast: DocumentNode) -> GraphQLError | None:
        """What is far too much in every operation, whichever is meant: seen before validation, which is dear."""
        found = [self.limits.excess(shape) for shape in shapes(ast)]
        excess = found[0] if found and all(found) else too_bulky(bulk(ast))
        return located(excess) if excess is not None else None

    def _prepared(self, key: str, text: str, ast: DocumentNode) -> PreparedDocument:
        fragments = {node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)}
        nodes = [node for node in ast.definitions if isinstance(node, OperationDefinitionNode)]
        grown = partial(self._grew, key)
        operations = [PreparedOperation(self.schema, node, fragments, grown) for node in nodes]
        return PreparedDocument(
            hash=key,
            ast=ast,
            tokens=ast.token_count,
            fragments=fragments,
            operations={operation.name: operation for operation in operations},
            weight=ast.token_count * TOKEN_BYTES + sys.getsizeof(text),
        )


def validation_rules(*, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """The specification's rules, two of them in our own make, and Strawberry's for what only it knows of its types."""
    ours: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
        ValuesOfCorrectTypeRule: QuietValuesRule,
        OverlappingFieldsCanBeMergedRule: FrugalOverlapRule,
    }
    closed = () if introspection else (NoSchemaIntrospectionCustomRule,)
    rules = (ours.get(rule, rule) for rule in specified_rules)
    return (*rules, MaybeNullValidationRule, OneOfInputValidationRule, *closed)


def _told(errors: list[GraphQLError]) -> list[GraphQLError]:
    """Validation also stops, with an error of this class, when it found as many errors as it tells."""
    full = len(errors) > MAX_ERRORS
    return [
        located(BadInput(ENTANGLED)) if isinstance(error, ValidationAbortedError) and not full else bad_input(error)
        for error in errors
    ]
