"""Trying a key: whether the provider accepts it, asked before it is stored (`validate`) or of one that is stored (`testCredential`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit
from app.domain import provider as provider_rules
from app.domain.attachment import uses_of
from app.domain.embedding import opened, try_key
from app.errors import CredentialRejected, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import attachment, credential
from app.store.record import Attachment, Credential
from app.value import check_json
from providers import configuration
from providers.base import Provider
from providers.configuration import Configuration

LOOKED_AT = 20
"""How many uses of a credential are looked through for one whose model still embeds."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Where to try a key; what is left out is taken from a use of the credential, else the provider's cheapest model."""

    model: str | None = None
    parameters: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a provider said of a stored key."""

    ok: bool
    message: str | None
    latency_ms: float | None


async def try_new(gateway: Gateway, provider: Provider, trial: Trial, api_key: str) -> None:
    """A key for a credential that is not there yet. Raises CredentialRejected, or what kept the provider from saying."""
    await try_key(gateway, provider, _chosen(provider, trial, None), api_key)


async def try_next(gateway: Gateway, actor: Actor, found: Credential, trial: Trial, api_key: str) -> None:
    """A key that is to replace a credential's. Raises as `try_new`."""
    provider = provider_rules.known(gateway, found.provider)
    async with gateway.postgres.catalogue.connection() as connection:
        use = await _a_use(gateway, connection, actor, found)
    await try_key(gateway, provider, _chosen(provider, trial, use), api_key)


async def test(gateway: Gateway, actor: Actor, credential_id: UUID, trial: Trial) -> Verdict:
    """Ask the provider whether it accepts the stored secret. A refusal is an answer; any other failure of the provider is raised."""
    async with gateway.postgres.catalogue.connection() as connection:
        stored = await credential.by_ids(connection, actor.organization_id, [credential_id])
        sealed = await credential.secret(connection, actor.organization_id, credential_id)
        if not stored or sealed is None:
            raise NotFound("There is no credential with this id.")
        actor.require(Permission.WRITE_INTEGRATIONS)
        use = await _a_use(gateway, connection, actor, stored[0])
    provider = provider_rules.known(gateway, stored[0].provider)
    choice = _chosen(provider, trial, use)
    gateway.credentials_used.note(credential_id)
    verdict = await _verdict(gateway, provider, choice, opened(gateway, sealed).value)
    async with gateway.postgres.catalogue.connection() as connection:
        name = stored[0].name
        await audit.done(connection, actor, "test_credential", "Credential", credential_id, name, ok=verdict.ok)
    return verdict


async def _verdict(gateway: Gateway, provider: Provider, choice: Configuration, api_key: str) -> Verdict:
    try:
        latency = await try_key(gateway, provider, choice, api_key)
    except CredentialRejected as error:
        said = error.facts.get("providerMessage")
        message = f"{provider.display_name} refuses it{f': {said}' if said else '.'}"
        return Verdict(ok=False, message=message, latency_ms=None)
    return Verdict(ok=True, message=None, latency_ms=latency)


async def _a_use(gateway: Gateway, connection: Connection, actor: Actor, found: Credential) -> Attachment | None:
    which = uses_of(gateway, found.provider, credential_name=found.name)
    uses = await attachment.uses(connection, actor.organization_id, None, which, limit=LOOKED_AT)
    return next((use for use in uses if use.model in which.models), None)


def _chosen(provider: Provider, trial: Trial, use: Attachment | None) -> Configuration:
    """The given model and parameters, else those of a use of the credential, else the cheapest model."""
    model = trial.model or (use.model if use else None)
    parameters = trial.parameters if trial.parameters is not None else (use.parameters if use else None)
    check_json(parameters, "parameters")
    with provider_rules.coded(provider):
        return configuration.trial(provider, model, parameters)
