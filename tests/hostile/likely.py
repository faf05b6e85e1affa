"""Right values for the arguments of the schema, which hostile requests are made of. A new argument does without, or gets a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.factory import SECOND_KEY
from tests.hostile.symbol import Id, New
from tests.hostile.value import DEPLOYED

LOCAL = {"provider": "local", "model": "wordllama-256"}
OPENAI = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small"}
AZURE = {"provider": "azureOpenAI", "credential": "main", "model": "text-embedding-3-small", "parameters": DEPLOYED}
EMBEDDINGS: list[dict[str, Any]] = [LOCAL, OPENAI | {"dimension": 64}, OPENAI | {"dimension": 3}, OPENAI, AZURE]
VECTORS = [[1, 2, 3], [0.5] * 256, [1] * 64]
ROWS = [
    {"id": 1, "title": "a whale"},
    {"id": 2, "pages": "9007199254740993", "stars": 0.5, "rating": 4, "seen": True, "day": "2020-01-01T00:00:00Z"},
    {"id": 3, "code": "6f1e8a5c-0d0b-4a51-8b16-5f0c3f3a9d11", "extra": {"a": [1]}, "v": [1, 2, 3], "plot": "a ship"},
    {"name": "a", "number": 1, "kept": True},
]
DOCUMENTS = [{"_id": 1, "a": {"b": 1}}, {"a": [1, "b"], "$vectorize": "a whale"}, {"$vector": [1, 2, 3]}, {"_id": "x"}]
FILTERS = [
    {},
    {"a.b": 1},
    {"_id": 1},
    {"id": {"$in": [1, 2]}},
    {"title": "a whale"},
    {"$or": [{"kept": True}, {"number": {"$gt": 0}}]},
]

LIKELY: Mapping[str, list[Any]] = {
    "name": [New(), New(), "books", "films", "main", "library", "title", "v_index", "text-embedding-3-small"],
    "VectorIndexInput.name": [None, New()],
    "confirmName": ["library", "books", "films", "main", "OpenAI", "more"],
    "provider": ["openai", "local", "openai", "mistral"],
    "key": ["openai", "a", 1, ["a", 1]],
    "keys": [1, "x", ["a", 1]],
    "apiKey": [SECOND_KEY],
    "credential": ["main"],
    "model": ["text-embedding-3-small", None],
    "region": [None, "local"],
    "column": ["v", "plot", "bare", "v"],
    "sourceColumn": [None, "title"],
    "primaryKey": ["id"],
    "CreateTableInput.columns": [{"name": "id", "type": "INT"}],
    "DropColumnsInput.columns": ["stars", "bare", "extra"],
    "roles": ["Read-Only User", "Database Administrator"],
    "action": [None, "create_database"],
    "query": ["a whale", None],
    "vector": VECTORS,
    "minSimilarity": [None, 0.5],
    "first": [3, 1, 50],
    "dimension": [None, 3, 256],
    "keepPreviousSeconds": [0, 60],
    "idempotencyKey": [None, "sixteen-characters", "another-sixteen-characters"],
    "clientMutationId": [None, "a"],
    "expiresAt": [None, "2100-01-01T00:00:00Z"],
    "since": [None, "2020-01-01T00:00:00Z"],
    "until": [None, "2100-01-01T00:00:00Z"],
    "parameters": [None, {}],
    "documents": DOCUMENTS,
    "document": DOCUMENTS,
    "rows": ROWS,
    "set": [{"a": 1}, {"title": "a ship"}, {"$vectorize": "a ship"}, {"v": [3, 2, 1]}, {"plot": "a port"}],
    "unset": ["a", "a.b", "$vectorize"],
    "filter": FILTERS,
    "String": ["a"],
    "Int": [1],
    "Float": [0.5],
    "Boolean": [True, False],
}
"""Right values: by `Input.argument`, else by the argument's name, else by the type's; for a list, those of its items."""

BOOKS, THREES, PLAIN, PAID = (Id(("Collection",), number) for number in range(4))
FILMS, PLAYS = (Id(("Table",), number) for number in range(2))
LIBRARY, MAIN = Id(("Database",), 0), Id(("Credential",), 0)

WHOLE: Mapping[str, list[dict[str, Any]]] = {
    "EmbeddingInput": EMBEDDINGS,
    "ColumnInput": [
        {"name": New(), "type": "TEXT"},
        {"name": New(), "type": "VECTOR", "dimension": 3, "index": {"metric": "EUCLIDEAN"}},
        {"name": New(), "type": "VECTOR", "embedding": LOCAL, "sourceColumn": "title"},
    ],
    "Query.vectorSearch": [
        *({"targetId": each, "query": "a whale"} for each in (BOOKS, PAID)),
        {"targetId": THREES, "vector": [1, 2, 3]},
        {"targetId": FILMS, "column": "v", "vector": [1, 2, 3]},
        {"targetId": FILMS, "column": "plot", "query": "a whale"},
    ],
    "Collection.vectorSearch": [{"node": BOOKS, "query": "a whale"}, {"node": THREES, "vector": [1, 2, 3]}],
    "Table.vectorSearch": [
        {"node": FILMS, "column": "v", "vector": [1, 2, 3]},
        {"node": FILMS, "column": "plot", "query": "a whale"},
        {"node": PLAYS, "column": "v", "vector": [1, 2, 3]},
    ],
    "Table.row": [{"node": FILMS, "key": 1}, {"node": PLAYS, "key": {"name": "a", "number": 1}}],
    "Table.rows": [{"node": FILMS}, {"node": FILMS, "first": 2}, {"node": PLAYS, "first": 1}],
    "Collection.documents": [{"node": BOOKS, "first": 1}, {"node": PLAIN}],
    "CreateTableInput": [
        {"databaseId": LIBRARY, "name": New(), "columns": [{"name": "id", "type": "INT"}], "primaryKey": ["id"]}
    ],
    "CreateCollectionInput": [
        {"databaseId": LIBRARY, "name": New(), "embedding": LOCAL},
        {"databaseId": LIBRARY, "name": New(), "dimension": 3},
    ],
    "InsertDocumentsInput": [
        *(
            {"collectionId": BOOKS, "documents": DOCUMENTS[:2], "onConflict": each}
            for each in ("FAIL", "SKIP", "REPLACE")
        ),
        {"collectionId": THREES, "documents": DOCUMENTS[2:]},
        {"collectionId": PAID, "documents": DOCUMENTS[:2]},
        {"collectionId": PLAIN, "documents": [{}]},
    ],
    "UpdateDocumentsInput": [
        {"collectionId": BOOKS, "filter": {"_id": 1}, "set": {"c": 1}},
        {"collectionId": THREES, "filter": {}, "set": {"$vector": [1, 1, 1]}, "unset": ["a"]},
    ],
    "ReplaceDocumentInput": [
        {"collectionId": each, "key": 1, "document": {"a": 2}, "upsert": True} for each in (BOOKS, PLAIN)
    ],
    "DeleteDocumentsInput": [{"collectionId": BOOKS, "filter": {"a": 7}}, {"collectionId": BOOKS, "keys": [7]}],
    "InsertRowsInput": [
        *({"tableId": FILMS, "rows": ROWS[:3], "onConflict": each} for each in ("FAIL", "SKIP", "REPLACE")),
        {"tableId": PLAYS, "rows": ROWS[3:]},
    ],
    "UpdateRowsInput": [
        {"tableId": FILMS, "filter": {"id": 1}, "set": {"title": "a port"}},
        {"tableId": FILMS, "filter": {"pages": {"$gt": 1}}, "set": {"v": [1, 1, 1]}},
        {"tableId": PLAYS, "filter": {}, "set": {"kept": None}},
    ],
    "DeleteRowsInput": [
        {"tableId": FILMS, "filter": {"id": 70}},
        {"tableId": PLAYS, "keys": [{"name": "a", "number": 70}]},
    ],
    "AttachIntegrationInput": [{"tableId": FILMS, "column": "bare", "embedding": OPENAI | {"dimension": 64}}],
    "DetachIntegrationInput": [{"tableId": FILMS, "column": "plot"}],
    "AddColumnsInput": [{"tableId": FILMS, "columns": [{"name": New(), "type": "TEXT"}]}],
    "CreateVectorIndexInput": [{"tableId": FILMS, "column": "bare"}],
    "DropVectorIndexInput": [{"tableId": FILMS, "name": "v_index"}],
    "MigrateCollectionInput": [
        {"collectionId": each, "name": New(), "embedding": LOCAL} for each in (BOOKS, PAID, PLAIN)
    ],
    "MigrateVectorColumnInput": [
        {"tableId": FILMS, "column": "plot", "embedding": LOCAL},
        {"tableId": FILMS, "column": "bare", "embedding": OPENAI, "sourceColumn": "title"},
    ],
    "EmbedMissingInput": [{"targetId": BOOKS}, {"targetId": FILMS, "column": "plot"}],
    "RemoveCredentialInput": [{"credentialId": MAIN, "confirmName": "main"}],
    "RemoveScopedDatabaseInput": [{"credentialId": MAIN, "databaseId": LIBRARY, "confirmName": "library"}],
    "DropCollectionInput": [{"collectionId": PLAIN, "confirmName": "plain"}],
    "DropTableInput": [{"tableId": PLAYS, "confirmName": "plays"}],
    "DropDatabaseInput": [{"databaseId": Id(("Database",), 1), "confirmName": "more"}],
}
"""Arguments that are right together, by `Owner.field` or by the input: most requests begin with them."""
