"""The schema: every module's queries and mutations, and how it is printed."""

from __future__ import annotations

import strawberry
from graphql.utilities.print_schema import print_schema_definition
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig

from resolvers.access_token import AccessTokenMutation
from resolvers.audit_event import AuditEventSubscription
from resolvers.collection import CollectionMutation
from resolvers.collection_migration import CollectionMigrationMutation
from resolvers.column import ColumnMutation
from resolvers.column_attachment import ColumnAttachmentMutation
from resolvers.column_migration import ColumnMigrationMutation
from resolvers.credential import CredentialMutation
from resolvers.database import DatabaseMutation
from resolvers.document import Document, DocumentMutation
from resolvers.embed_missing import EmbedMissingMutation
from resolvers.error_code import ErrorQuery
from resolvers.integration import IntegrationMutation
from resolvers.job import JobMutation, JobSubscription
from resolvers.operation.execution import core_schema
from resolvers.organization import OrganizationQuery
from resolvers.provider import ProviderQuery
from resolvers.refetch import NodeQuery
from resolvers.role import RoleMutation
from resolvers.row import Row, RowMutation
from resolvers.scalar import SCALARS
from resolvers.scoped_database import ScopedDatabaseMutation
from resolvers.search import SearchQuery
from resolvers.table import TableMutation
from resolvers.vector_index import VectorIndexMutation
from resolvers.viewer import ViewerQuery

DESCRIPTION = """\
Semantic search over an organization's data: embedding providers, their credentials, databases, collections, tables and searches.

Enum values, types and fields may be added at any time: clients need a default case, above all for ErrorCode and JobKind.
What is to go is marked @deprecated with its replacement for at least two minor releases and six months."""


@strawberry.type(description="Everything that can be read.")
class Query(NodeQuery, ViewerQuery, OrganizationQuery, ProviderQuery, ErrorQuery, SearchQuery): ...


@strawberry.type(
    description="Everything that can be changed. Each mutation takes one input object and answers a payload of its own."
)
class Mutation(
    IntegrationMutation,
    CredentialMutation,
    ScopedDatabaseMutation,
    DatabaseMutation,
    CollectionMutation,
    CollectionMigrationMutation,
    DocumentMutation,
    TableMutation,
    RowMutation,
    ColumnMutation,
    ColumnAttachmentMutation,
    VectorIndexMutation,
    ColumnMigrationMutation,
    EmbedMissingMutation,
    JobMutation,
    AccessTokenMutation,
    RoleMutation,
): ...


@strawberry.type(
    description="What goes on, as it happens: over WebSocket (graphql-transport-ws) at /graphql, as server-sent events at /graphql/stream."
)
class Subscription(AuditEventSubscription, JobSubscription): ...


def build_schema() -> strawberry.Schema:
    """The schema that the gateway serves."""
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = strawberry.Schema(
        query=Query, mutation=Mutation, subscription=Subscription, types=[Document, Row], config=config
    )
    core_schema(schema).description = DESCRIPTION  # strawberry has no place for it
    return schema


def printed(schema: strawberry.Schema) -> str:
    """schema.graphql, as it is checked in."""
    definition = print_schema_definition(core_schema(schema))
    return f"{definition}\n\n{print_schema(schema)}\n"
