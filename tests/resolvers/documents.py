"""The catalogue's operations as its tests send them, each answering all that its payload holds."""

from __future__ import annotations

from typing import Any

from tests.factory import Api

ENABLE = """
mutation Enable($provider: String!) {
  enableIntegration(input: {provider: $provider, clientMutationId: "e"}) {
    clientMutationId integration { id kind createdAt provider { key } organization { name } credentials { id } }
  }
}"""
DEACTIVATE = """
mutation Deactivate($id: ID!, $name: String!) {
  deactivateIntegration(input: {integrationId: $id, confirmName: $name}) {
    deactivatedIntegrationId provider { key } organization { integrations { provider { key } } }
  }
}"""
ADD = """
mutation Add($input: AddCredentialInput!) {
  addCredential(input: $input) {
    credential {
      id name hint version createdAt rotatedAt lastUsedAt previousVersion { version }
      integration { id provider { key } } scopedDatabases { id addedAt database { id name } credential { name } }
    }
  }
}"""
TEST = """
mutation Test($id: ID!, $model: String, $parameters: JSONObject) {
  testCredential(input: {credentialId: $id, model: $model, parameters: $parameters}) { ok message latencyMs }
}"""
ROTATE = """
mutation Rotate($input: RotateCredentialInput!) {
  rotateCredential(input: $input) {
    credential { id name version hint rotatedAt previousVersion { version hint createdAt expiresAt } scopedDatabases { database { name } } }
  }
}"""
ROLL_BACK = """
mutation RollBack($id: ID!) {
  rollBackCredential(input: {credentialId: $id}) { credential { id version hint previousVersion { version } } }
}"""
REMOVE = """
mutation Remove($id: ID!, $name: String!, $refuse: Boolean! = false) {
  removeCredential(input: {credentialId: $id, confirmName: $name, refuseIfInUse: $refuse}) {
    removedCredentialId removedName removedScope { id name } integration { provider { key } }
    disabledCount disabled { id target { name } embedding { status { available reason } } }
  }
}"""
SCOPE = """
mutation Scope($credential: ID!, $databases: [ID!]!) {
  addScopedDatabases(input: {credentialId: $credential, databaseIds: $databases}) {
    credential { id scopedDatabases { database { name } } } added { id addedAt database { id name } }
  }
}"""
DESCOPE = """
mutation Descope($credential: ID!, $database: ID!, $name: String!) {
  removeScopedDatabase(input: {credentialId: $credential, databaseId: $database, confirmName: $name}) {
    removedScopedDatabaseId credential { scopedDatabases { database { name } } } database { name scopes { id } }
    disabledCount disabled { target { name } }
  }
}"""
DROP_DATABASE = """
mutation Drop($id: ID!, $name: String!) {
  dropDatabase(input: {databaseId: $id, confirmName: $name}) { droppedDatabaseId organization { databases { nodes { name } } } }
}"""
DROP_COLLECTION = """
mutation Drop($id: ID!, $name: String!) {
  dropCollection(input: {collectionId: $id, confirmName: $name}) { droppedCollectionId database { name collections { nodes { name } } } }
}"""
REVOKE = (
    "mutation Revoke($id: ID!) { revokeAccessToken(input: {accessTokenId: $id}) { accessToken { id name revokedAt } } }"
)
NODE = "query Node($id: ID!) { node(id: $id) { id __typename } }"

CREDENTIAL = """
query Credential($id: ID!) {
  node(id: $id) { ... on Credential {
    name hint version rotatedAt lastUsedAt previousVersion { version hint createdAt expiresAt } scopedDatabases { database { name } }
  } }
}"""
STATUS = """
query Status($id: ID!) {
  node(id: $id) { ... on Collection { embedding { credential { id } status { available reason message } } } }
}"""
ENABLED = "{ organization { integrations { id kind provider { key } credentials { name } } } }"


async def status(api: Api, collection_id: str) -> dict[str, Any]:
    """Whether a collection can embed now, and why not."""
    found: dict[str, Any] = (await api(STATUS, id=collection_id))["node"]["embedding"]["status"]
    return found


async def external(api: Api) -> dict[str, list[str]]:
    """The enabled providers, each with the names of its credentials."""
    integrations = (await api(ENABLED))["organization"]["integrations"]
    return {
        each["provider"]["key"]: [credential["name"] for credential in each["credentials"]]
        for each in integrations
        if each["kind"] == "EXTERNAL"
    }


async def credential(api: Api, credential_id: str) -> dict[str, Any]:
    """A credential as it is now."""
    found: dict[str, Any] = (await api(CREDENTIAL, id=credential_id))["node"]
    return found


async def credential_id(api: Api, name: str = "main") -> str:
    """The id of an OpenAI credential."""
    asked = 'query C($name: String!) { organization { integration(provider: "openai") { credential(name: $name) { id } } } }'
    return str((await api(asked, name=name))["organization"]["integration"]["credential"]["id"])


async def database_id(api: Api, name: str = "library") -> str:
    """The id of a database."""
    found = await api("query D($name: String!) { organization { database(name: $name) { id } } }", name=name)
    return str(found["organization"]["database"]["id"])


def openai(credential: str | None = "main", **more: object) -> dict[str, object]:
    """An EmbeddingInput."""
    return {"provider": "openai", "credential": credential, "model": "text-embedding-3-small", "dimension": 64, **more}
