"""Credentials in GraphQL. Their secrets come in, and never go out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import credential as rules
from app.domain import trial
from app.domain.trial import Trial
from app.errors import NotFound
from app.shape import Shape
from app.store import record
from app.store import scoped_database as scopes
from resolvers import attachment as attachment_types
from resolvers import database as database_types
from resolvers import integration as integration_types
from resolvers import scoped_database as scoped_database_types
from resolvers.argument import After, Available, First
from resolvers.connection import Connection
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, local_id, local_ids
from resolvers.operation.plan.light import light
from resolvers.operation.plan.written import written
from resolvers.permission import mutation
from resolvers.scalar import JSONObject

if TYPE_CHECKING:
    from resolvers.attachment import Attachment
    from resolvers.database import Database
    from resolvers.integration import Integration
    from resolvers.scoped_database import ScopedDatabase


@strawberry.type(description="An earlier secret of a credential, kept to return to.")
class CredentialVersion:
    version: int = strawberry.field(description="Which version it was.")
    hint: str = strawberry.field(description="Its last four characters.")
    created_at: dt.datetime = strawberry.field(description="When it came into force.")
    expires_at: dt.datetime = strawberry.field(description="When it is erased; rollBackCredential works until then.")


@strawberry.type(description="A named secret for an external provider, with the databases that may use it.")
class Credential(Node):
    stored: strawberry.Private[record.Credential]
    name: str = strawberry.field(
        description="Unique in the integration, and permanent: attachments point to it by name."
    )
    hint: str = strawberry.field(description="The last four characters of the secret, never more.")
    version: int = strawberry.field(description="Counts up with each rotation and roll-back.")
    created_at: dt.datetime = strawberry.field(description="When it was added.")
    rotated_at: dt.datetime | None = strawberry.field(description="When its secret was last changed.")
    last_used_at: dt.datetime | None = strawberry.field(
        description="When a provider was last asked with it, to the minute."
    )
    previous_version: CredentialVersion | None = strawberry.field(
        description="The secret before, while it can still be rolled back to."
    )

    @classmethod
    def of(cls, credential: record.Credential) -> Credential:
        return cls(
            id=global_id("Credential", credential.id),
            stored=credential,
            name=credential.name,
            hint=credential.hint,
            version=credential.version,
            created_at=credential.created_at,
            rotated_at=credential.rotated_at,
            last_used_at=credential.last_used_at,
            previous_version=_previous(credential),
        )

    @strawberry.field(description="The integration that it belongs to.")
    @light
    async def integration(self, info: Info) -> Annotated[Integration, strawberry.lazy("resolvers.integration")]:
        found = await info.context.loaders.integration_by_id.load(self.stored.integration_id)
        if found is None:
            raise NotFound("There is no integration with this id any more.")
        return integration_types.Integration.of(found)

    @light
    async def _written_scope(self, info: Info, shape: Shape) -> str:
        return await info.context.loaders.written_scopes(shape).load(self.stored.id)

    @strawberry.field(description="The databases that may use it, in the order of their adding.")
    @written(scopes.WRITER.knows, _written_scope)
    @light
    async def scoped_databases(
        self, info: Info
    ) -> list[Annotated[ScopedDatabase, strawberry.lazy("resolvers.scoped_database")]]:
        found = await info.context.loaders.scope_by_credential.load(self.stored.id)
        return [scoped_database_types.ScopedDatabase.of(each) for each in found]

    @strawberry.field(description="What uses it now, in order of creation.")
    async def attachments(
        self, info: Info, first: First = 50, after: After = None, available: Available = None
    ) -> Connection[Annotated[Attachment, strawberry.lazy("resolvers.attachment")]]:
        provider, name = self.stored.provider, self.stored.name
        return await attachment_types.uses(info, provider, name, first=first, after=after, available=available)


def _previous(credential: record.Credential) -> CredentialVersion | None:
    version, hint = credential.previous_version, credential.previous_hint
    created_at, expires_at = credential.previous_created_at, credential.previous_expires_at
    if version is None or hint is None or created_at is None or expires_at is None:
        return None
    return CredentialVersion(version=version, hint=hint, created_at=created_at, expires_at=expires_at)


@strawberry.input(
    description="Add a credential for an external provider, enabling the provider when it is not yet enabled."
)
class AddCredentialInput(Input):
    provider: str = strawberry.field(description="The provider's key, such as openai.")
    name: str = strawberry.field(
        description="1 to 50 letters, digits, _ and -, beginning and ending with a letter or digit; permanent."
    )
    api_key: str = strawberry.field(description="The secret. Write-only: it is never answered, logged or traced.")
    database_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="Databases that may use it, at most 10; add more with addScopedDatabases."
    )
    validate: bool = strawberry.field(
        default=False, description="Ask the provider first; a key that it refuses is not stored."
    )
    model: str | None = strawberry.field(default=None, description="With validate: the model to try the key with.")
    parameters: JSONObject | None = strawberry.field(
        default=None, description="With validate: the provider's parameters, where it needs some."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="16 to 255 characters. Repeated within 24 hours with the same input, the first outcome is answered.",
    )


@strawberry.type(description="The outcome of addCredential.")
class AddCredentialPayload(Payload):
    credential: Credential = strawberry.field(description="The credential.")


@strawberry.input(description="Ask the provider whether it accepts a stored secret.")
class TestCredentialInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")
    model: str | None = strawberry.field(
        default=None, description="The model to try it with; by default one that uses it, else the cheapest."
    )
    parameters: JSONObject | None = strawberry.field(
        default=None, description="The provider's parameters, where it needs some."
    )


@strawberry.type(description="The outcome of testCredential.")
class TestCredentialPayload(Payload):
    ok: bool = strawberry.field(description="Whether the provider accepts it.")
    message: str | None = strawberry.field(description="The provider's words when it does not.")
    latency_ms: float | None = strawberry.field(
        description="How long the provider took, in milliseconds; null when it refused."
    )


@strawberry.input(description="Change a credential's secret without one failed request. Name and scope stay.")
class RotateCredentialInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")
    api_key: str = strawberry.field(description="The new secret. Write-only.")
    validate: bool = strawberry.field(
        default=False, description="Ask the provider first; when it refuses, the old secret stays."
    )
    model: str | None = strawberry.field(default=None, description="With validate: the model to try the key with.")
    parameters: JSONObject | None = strawberry.field(
        default=None, description="With validate: the provider's parameters, where it needs some."
    )
    keep_previous_seconds: int = strawberry.field(
        default=86400,
        description="How long rollBackCredential can return to the old secret: 0 (it is forgotten at once) to 2,592,000 (30 days).",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="16 to 255 characters. Repeated within 24 hours with the same input, the first outcome is answered.",
    )


@strawberry.type(description="The outcome of rotateCredential. Requests that begin after it use the new secret.")
class RotateCredentialPayload(Payload):
    credential: Credential = strawberry.field(description="The credential, its version one higher.")


@strawberry.input(description="Return to the secret before the last rotation.")
class RollBackCredentialInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")


@strawberry.type(description="The outcome of rollBackCredential.")
class RollBackCredentialPayload(Payload):
    credential: Credential = strawberry.field(
        description="The credential, its version one higher, with no previous version."
    )


@strawberry.input(description="Remove a credential with immediate effect. Nothing is removed at the provider.")
class RemoveCredentialInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")
    confirm_name: str = strawberry.field(description="The credential's name, typed again.")
    refuse_if_in_use: bool = strawberry.field(
        default=False, description="Refuse with CREDENTIAL_IN_USE when it would disable anything."
    )


@strawberry.type(description="The outcome of removeCredential.")
class RemoveCredentialPayload(Payload):
    removed_credential_id: strawberry.ID = strawberry.field(description="The id that is no more.")
    removed_name: str = strawberry.field(description="Its name: a new credential of this name takes its place.")
    removed_scope: list[Annotated[Database, strawberry.lazy("resolvers.database")]] = strawberry.field(
        description="The databases that were in its scope: put them in the scope of its replacement."
    )
    integration: Annotated[Integration, strawberry.lazy("resolvers.integration")] = strawberry.field(
        description="The integration."
    )
    disabled_count: int = strawberry.field(description="How many attachments cannot embed any more.")
    disabled: list[Annotated[Attachment, strawberry.lazy("resolvers.attachment")]] = strawberry.field(
        description="The first 500 of them. Their data and searches by vector go on working."
    )


@strawberry.type
class CredentialMutation:
    @mutation(Permission.WRITE_INTEGRATIONS, "Add a credential for an external provider.")
    async def add_credential(self, info: Info, input: AddCredentialInput) -> AddCredentialPayload | None:
        added = await rules.add(
            info.context.gateway,
            info.context.actor,
            provider_key=input.provider,
            name=input.name,
            api_key=input.api_key,
            database_ids=local_ids("Database", input.database_ids),
            tried=Trial(input.model, input.parameters) if input.validate else None,
            idempotency_key=input.idempotency_key,
        )
        return AddCredentialPayload(credential=Credential.of(added), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.WRITE_INTEGRATIONS, "Ask the provider whether it accepts a stored secret.")
    async def test_credential(self, info: Info, input: TestCredentialInput) -> TestCredentialPayload | None:
        identifier = local_id("Credential", input.credential_id)
        verdict = await trial.test(
            info.context.gateway, info.context.actor, identifier, Trial(input.model, input.parameters)
        )
        return TestCredentialPayload(
            ok=verdict.ok,
            message=verdict.message,
            latency_ms=verdict.latency_ms,
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(Permission.WRITE_INTEGRATIONS, "Change a credential's secret in one step, without one failed request.")
    async def rotate_credential(self, info: Info, input: RotateCredentialInput) -> RotateCredentialPayload | None:
        rotated = await rules.rotate(
            info.context.gateway,
            info.context.actor,
            local_id("Credential", input.credential_id),
            api_key=input.api_key,
            tried=Trial(input.model, input.parameters) if input.validate else None,
            keep_previous_seconds=input.keep_previous_seconds,
            idempotency_key=input.idempotency_key,
        )
        return RotateCredentialPayload(credential=Credential.of(rotated), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.WRITE_INTEGRATIONS, "Return to the secret before the last rotation, while it is kept.")
    async def roll_back_credential(
        self, info: Info, input: RollBackCredentialInput
    ) -> RollBackCredentialPayload | None:
        changed = await rules.roll_back(
            info.context.gateway, info.context.actor, local_id("Credential", input.credential_id)
        )
        return RollBackCredentialPayload(credential=Credential.of(changed), client_mutation_id=input.client_mutation_id)

    @mutation(
        Permission.WRITE_INTEGRATIONS,
        "Remove a credential: what uses it stops embedding at once, until one of the same name is added.",
    )
    async def remove_credential(self, info: Info, input: RemoveCredentialInput) -> RemoveCredentialPayload | None:
        context = info.context
        removed = await rules.remove(
            context.gateway,
            context.actor,
            local_id("Credential", input.credential_id),
            confirm_name=input.confirm_name,
            refuse_if_in_use=input.refuse_if_in_use,
        )
        return RemoveCredentialPayload(
            removed_credential_id=input.credential_id,
            removed_name=removed.credential.name,
            removed_scope=[database_types.Database.of(each) for each in removed.scope],
            integration=integration_types.Integration.of(removed.integration),
            disabled_count=removed.disabled_count,
            disabled=[attachment_types.Attachment.of(each) for each in removed.disabled],
            client_mutation_id=input.client_mutation_id,
        )
