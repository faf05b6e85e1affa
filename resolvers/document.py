"""Documents in GraphQL: reading them, and the mutations that write them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.access import Permission
from app.domain import document as rules
from app.domain import document_insertion, update
from app.domain.insertion import ItemStatus, OnConflict
from app.store import record
from app.store.document import Wanted
from app.store.key import decode_key, is_encoded
from providers.usage import Usage
from resolvers import collection as collection_types
from resolvers.context import Info
from resolvers.insertion import ItemResult
from resolvers.mutation import Input, Payload
from resolvers.node import as_uuid, global_id, local_id, split
from resolvers.permission import mutation
from resolvers.scalar import JSON, JSONObject, floats
from resolvers.selection import names_below
from resolvers.vector import VectorRecord

if TYPE_CHECKING:
    from resolvers.collection import Collection


@strawberry.type(
    description="A JSON document. fields holds _id and the caller's own fields; $vectorize and $vector have fields of their own here."
)
class Document(VectorRecord):
    document: strawberry.Private[record.Document]
    home: strawberry.Private[Annotated[Collection, strawberry.lazy("resolvers.collection")]]
    key: JSON = strawberry.field(description="Its _id: a string or a number.")
    vectorize: str | None = strawberry.field(
        description="The text that its vector was made from ($vectorize); null: none."
    )
    created_at: dt.datetime = strawberry.field(description="When it was inserted.")
    updated_at: dt.datetime = strawberry.field(description="When it was last changed.")

    @classmethod
    def of(
        cls, home: Annotated[Collection, strawberry.lazy("resolvers.collection")], document: record.Document
    ) -> Document:
        key = decode_key(document.key)
        return cls(
            id=document_id(home.stored.id, document.key),
            document=document,
            home=home,
            key=key,
            fields={"_id": key, **(document.body or {})},
            vectorize=document.text,
            created_at=document.created_at,
            updated_at=document.updated_at,
        )

    @strawberry.field(
        description="Its vector, components as the shortest decimals of 32-bit floats; null: it has none."
    )
    def vector(self) -> list[float] | None:
        return floats(self.document.vector) if self.document.vector is not None else None

    @strawberry.field(description="The collection that it is in.")
    def collection(self) -> Annotated[Collection, strawberry.lazy("resolvers.collection")]:
        return self.home


def document_id(collection_id: UUID, stored_key: str) -> strawberry.ID:
    """A document's global id."""
    return global_id("Document", f"{collection_id}/{stored_key}")


def wanted(info: Info) -> Wanted:
    """The columns that a query asks for below this field."""
    names = names_below(info)
    return Wanted(body="fields" in names, text="vectorize" in names, vector="vector" in names)


async def by_key(info: Info, key: str) -> Document | None:
    """For node(id)."""
    collection_id, _, stored_key = key.partition("/")
    identifier = as_uuid(collection_id)
    if identifier is None or not is_encoded(stored_key):
        return None
    home = await info.context.loaders.collection_by_id.load(identifier)
    if home is None:
        return None
    found = await rules.by_keys(info.context.gateway, info.context.actor, home, wanted(info), [stored_key])
    return Document.of(collection_types.Collection.of(home), found[stored_key]) if stored_key in found else None


@strawberry.type(description="Tokens as the provider counted them.")
class TokenUsage:
    prompt_tokens: int | None = strawberry.field(description="Tokens of the texts; null: the provider does not say.")
    total_tokens: int | None = strawberry.field(description="All tokens it counts; null: the provider does not say.")
    cached: bool = strawberry.field(description="True when the gateway had the vector and no provider was asked.")

    @classmethod
    def of(cls, usage: Usage | None, *, cached: bool = False) -> TokenUsage | None:
        if usage is None or (usage.prompt_tokens is None and usage.total_tokens is None):
            return None
        return cls(prompt_tokens=usage.prompt_tokens, total_tokens=usage.total_tokens, cached=cached)


@strawberry.input(
    description="JSON objects with optional _id, and $vectorize (text to embed) or $vector (list, or base64 for large inserts), never both."
)
class InsertDocumentsInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The collection.")
    documents: list[JSONObject] = strawberry.field(description="1 to 1,000 documents.")
    on_conflict: OnConflict = strawberry.field(
        default=OnConflict.FAIL, description="What happens to an item whose _id exists already."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="16 to 255 characters. Repeated within 24 hours with the same input, the first outcome is answered.",
    )


@strawberry.type(description="The outcome of insertDocuments. What is INSERTED or REPLACED here is committed.")
class InsertDocumentsPayload(Payload):
    results: list[ItemResult] = strawberry.field(description="One for each item, in the order of the input.")
    inserted_count: int = strawberry.field(description="How many are INSERTED.")
    usage: TokenUsage | None = strawberry.field(
        description="Tokens of the texts that were embedded; null: none, or the provider does not say."
    )
    collection: Annotated[Collection, strawberry.lazy("resolvers.collection")] = strawberry.field(
        description="The collection."
    )


@strawberry.input(description="Change every document that matches a filter, at most 10,000.")
class UpdateDocumentsInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The collection.")
    filter: JSONObject = strawberry.field(description="Which documents; an empty object means all.")
    set: JSONObject | None = strawberry.field(
        default=None,
        description="New values by field name or dotted path; $vectorize embeds a new text, $vector drops the text.",
    )
    unset: list[str] | None = strawberry.field(
        default=None,
        description="Field names or dotted paths to remove; $vectorize or $vector removes text and vector.",
    )


@strawberry.type(description="The outcome of updateDocuments. All of it is committed.")
class UpdateDocumentsPayload(Payload):
    matched_count: int = strawberry.field(description="How many documents match the filter.")
    modified_count: int = strawberry.field(description="How many of them are different now.")
    modified_ids: list[strawberry.ID] | None = strawberry.field(description="Which those are; null above 1,000.")
    usage: TokenUsage | None = strawberry.field(
        description="Tokens of the text, if it was embedded; null where the provider does not say."
    )
    collection: Annotated[Collection, strawberry.lazy("resolvers.collection")] = strawberry.field(
        description="The collection."
    )


@strawberry.input(description="Replace a document as a whole; its text is embedded anew.")
class ReplaceDocumentInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The collection.")
    key: JSON = strawberry.field(description="The document's _id.")
    document: JSONObject = strawberry.field(
        description="The new document, with $vectorize or $vector as for inserting."
    )
    upsert: bool = strawberry.field(
        default=False, description="Insert it when there is none of that key, instead of NOT_FOUND."
    )


@strawberry.type(description="The outcome of replaceDocument.")
class ReplaceDocumentPayload(Payload):
    document: Document = strawberry.field(description="The document as it is stored now.")
    usage: TokenUsage | None = strawberry.field(
        description="Tokens of the text; null: no text, or the provider does not say."
    )


@strawberry.input(description="Delete documents. Exactly one of filter, keys and ids.")
class DeleteDocumentsInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The collection.")
    filter: JSONObject | None = strawberry.field(
        default=None, description="All that match; an empty object means every document."
    )
    keys: list[JSON] | None = strawberry.field(default=None, description="Those with these _ids, at most 1,000.")
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Those with these ids, at most 1,000.")


@strawberry.type(description="The outcome of deleteDocuments.")
class DeleteDocumentsPayload(Payload):
    deleted_count: int = strawberry.field(description="How many are gone.")
    deleted_ids: list[strawberry.ID] | None = strawberry.field(description="Which those were; null above 1,000.")
    collection: Annotated[Collection, strawberry.lazy("resolvers.collection")] = strawberry.field(
        description="The collection."
    )


@strawberry.type
class DocumentMutation:
    @mutation(Permission.WRITE_DATA, "Insert documents. Each succeeds or fails by itself; texts are embedded together.")
    async def insert_documents(self, info: Info, input: InsertDocumentsInput) -> InsertDocumentsPayload | None:
        inserted = await document_insertion.insert(
            info.context.gateway,
            info.context.actor,
            local_id("Collection", input.collection_id),
            documents=input.documents,
            on_conflict=input.on_conflict,
            idempotency_key=input.idempotency_key,
        )
        home = collection_types.Collection.of(inserted.home)
        return InsertDocumentsPayload(
            results=[ItemResult.of(home, item) for item in inserted.items],
            inserted_count=sum(item.status is ItemStatus.INSERTED for item in inserted.items),
            usage=TokenUsage.of(inserted.usage),
            collection=home,
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(
        Permission.WRITE_DATA,
        "Change documents by filter, all or none. A text is embedded once, and only where it is new.",
    )
    async def update_documents(self, info: Info, input: UpdateDocumentsInput) -> UpdateDocumentsPayload | None:
        identifier = local_id("Collection", input.collection_id)
        updated = await update.update(
            info.context.gateway,
            info.context.actor,
            identifier,
            given=input.filter,
            fields=input.set,
            unset=input.unset,
        )
        return UpdateDocumentsPayload(
            matched_count=updated.matched,
            modified_count=updated.modified,
            modified_ids=_ids(updated.home.id, updated.keys),
            usage=TokenUsage.of(updated.usage),
            collection=collection_types.Collection.of(updated.home),
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(Permission.WRITE_DATA, "Replace a document as a whole.")
    async def replace_document(self, info: Info, input: ReplaceDocumentInput) -> ReplaceDocumentPayload | None:
        home, written, usage = await rules.replace(
            info.context.gateway,
            info.context.actor,
            local_id("Collection", input.collection_id),
            key=input.key,
            given=input.document,
            upsert=input.upsert,
        )
        return ReplaceDocumentPayload(
            document=Document.of(collection_types.Collection.of(home), written),
            usage=TokenUsage.of(usage),
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(Permission.WRITE_DATA, "Delete documents by filter, keys or ids.")
    async def delete_documents(self, info: Info, input: DeleteDocumentsInput) -> DeleteDocumentsPayload | None:
        identifier = local_id("Collection", input.collection_id)
        home, count, keys = await rules.delete(
            info.context.gateway,
            info.context.actor,
            identifier,
            given=input.filter,
            keys=input.keys,
            ids=[_stored_key(identifier, each) for each in input.ids] if input.ids is not None else None,
        )
        return DeleteDocumentsPayload(
            deleted_count=count,
            deleted_ids=_ids(home.id, keys),
            collection=collection_types.Collection.of(home),
            client_mutation_id=input.client_mutation_id,
        )


def _ids(collection_id: UUID, keys: list[str] | None) -> list[strawberry.ID] | None:
    return [document_id(collection_id, key) for key in keys] if keys is not None else None


def _stored_key(collection_id: UUID, identifier: str) -> str | None:
    """The key of a document of this collection; the id of anything else names nothing here."""
    kind, key = split(identifier) or ("", "")
    home, _, stored = key.partition("/")
    return stored if kind == "Document" and home == str(collection_id) and is_encoded(stored) else None
