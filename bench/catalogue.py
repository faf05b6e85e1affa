"""An organization as `small` and `tree` read it: 8 integrations, 80 credentials, 800 scoped databases, made through the API."""

from __future__ import annotations

from bench.load import Client

DATABASES = 20
CREDENTIALS = 10
"""Of each integration."""
SCOPE = 10
"""Databases of each credential: the most that one call takes."""

ORGANIZATION = "{ organization { id } }"
PROVIDERS = "{ embeddingProviders { key kind } }"
DATABASE = "mutation D($name: String!) { createDatabase(input: {name: $name}) { database { id } } }"
CREDENTIAL = """
mutation C($provider: String!, $name: String!, $ids: [ID!]!) {
  addCredential(input: {provider: $provider, name: $name, apiKey: "sk-benchmark", databaseIds: $ids}) { credential { id } }
}"""


async def fill(client: Client) -> str:
    """The organization's id. Each credential has another stretch of the databases as its scope."""
    names = (f"database_{number}" for number in range(DATABASES))
    databases = [(await client(DATABASE, name=name))["createDatabase"]["database"]["id"] for name in names]
    for number, provider in enumerate(await _external(client)):
        for credential in range(CREDENTIALS):
            first = (3 * number + credential) % DATABASES
            scope = (databases + databases)[first : first + SCOPE]
            await client(CREDENTIAL, provider=provider, name=f"credential_{credential}", ids=scope)
    return str((await client(ORGANIZATION))["organization"]["id"])


async def _external(client: Client) -> list[str]:
    """The providers that need an account."""
    found = (await client(PROVIDERS))["embeddingProviders"]
    return [each["key"] for each in found if each["kind"] == "EXTERNAL"]
