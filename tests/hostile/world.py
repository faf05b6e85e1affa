"""An organization with one of everything, made anew as often as hostile requests have spoiled it."""

from __future__ import annotations

from typing import Any

from app.domain import organization
from tests.factory import CREATE_TOKEN, KEY, Api, Running
from tests.hostile.likely import AZURE, LOCAL, OPENAI
from tests.hostile.symbol import Known, kind_of

FILMS: tuple[dict[str, Any], ...] = (
    {"name": "id", "type": "INT"},
    {"name": "title", "type": "TEXT"},
    {"name": "pages", "type": "BIGINT"},
    {"name": "stars", "type": "DOUBLE"},
    {"name": "rating", "type": "INT"},
    {"name": "seen", "type": "BOOLEAN"},
    {"name": "day", "type": "TIMESTAMP"},
    {"name": "code", "type": "UUID"},
    {"name": "extra", "type": "JSON"},
    {"name": "v", "type": "VECTOR", "dimension": 3, "index": {"name": "v_index"}},
    {"name": "plot", "type": "VECTOR", "embedding": LOCAL, "sourceColumn": "title", "index": {"metric": "DOT_PRODUCT"}},
    {"name": "bare", "type": "VECTOR", "dimension": 64},
)
PLAYS: tuple[dict[str, Any], ...] = (
    {"name": "name", "type": "TEXT"},
    {"name": "number", "type": "BIGINT"},
    {"name": "kept", "type": "BOOLEAN"},
    {"name": "v", "type": "VECTOR", "dimension": 3, "index": {}},
)
EVERYTHING = """{
  embeddingProviders { id }
  organization {
    id regions { id } accessTokens { nodes { id } edges { cursor } } jobs { nodes { id } edges { cursor } }
    auditLog(first: 5) { nodes { id } edges { cursor } }
    integrations { id credentials { id scopedDatabases { id } attachments { nodes { id } edges { cursor } } } }
    databases {
      edges { cursor }
      nodes {
        id collections { edges { cursor } nodes { id documents { nodes { id } edges { cursor } } } }
        tables { edges { cursor } nodes { id columns { id } rows { nodes { id } edges { cursor } } } }
      }
    }
  }
}"""


class World:
    """`api` is an administrator's, which hostile requests may revoke; only texts of this world hold its `canary`."""

    def __init__(self, running: Running, api: Api, number: int, before: World | None) -> None:
        self.running = running
        self.api = api
        self.canary = f"canary-of-world-{number}-"
        self.foreign_canary = before.canary if before else "no canary"
        self.known: Known = Known(
            foreign=[each for some in before.known.own.values() for each in some] if before else []
        )

    @classmethod
    async def new(cls, running: Running, number: int, before: World | None) -> World:
        """World after world: what the one before was made with is foreign to this one."""
        _, secret = await organization.create(running.gateway, f"world {number}")
        made = cls(running, Api(running.url, secret), number, before)
        library = await made._databases()
        await made._collections(library)
        await made._tables(library)
        await made._look()
        return made

    async def _databases(self) -> str:
        library, _ = await self.api.database(), await self.api.database("more")
        for provider in (OPENAI["provider"], AZURE["provider"]):
            await self.api.credential(key=KEY, databases=(library,), provider=provider)
        await self.api(CREATE_TOKEN, input={"name": "reader", "roles": ["Read-Only User"]})
        return library

    async def _collections(self, library: str) -> None:
        """In the order in which tests/hostile/likely.py names them."""
        books = await self.api.collection(library, embedding=LOCAL)
        threes = await self.api.collection(library, "threes", dimension=3, metric="EUCLIDEAN")
        plain = await self.api.collection(library, "plain")
        paid = await self.api.collection(library, "paid", embedding=OPENAI | {"dimension": 64})
        for each in (books, paid):
            whale = {"_id": 1, "a": {"b": 1}, "$vectorize": f"a whale {self.canary}"}
            await self.api.insert(each, whale, {"$vectorize": "a ship"})
            self.known.note(await self.api.search(each, query="a whale"), "vectorSearch")
        await self.api.insert(threes, {"_id": "x", "$vector": [1, 2, 3]}, {"_id": 1, "$vector": [3, 2, 1]})
        self.known.note(await self.api.search(threes, vector=[1, 2, 3]), "vectorSearch")
        await self.api.insert(plain, {"_id": 0.5, "a": [1, {"b": self.canary}]})

    async def _tables(self, library: str) -> None:
        films = await self.api.table(library, "films", FILMS)
        rows = [{"id": number, "title": f"film {number}", "v": [number, 1, 1]} for number in range(1, 6)]
        await self.api.insert_rows(films, *rows)
        self.known.note(await self.api.search(films, column="v", vector=[1, 2, 3]), "vectorSearch")
        plays = await self.api.table(library, "plays", PLAYS, ("name", "number"))
        named = [{"name": name, "number": 1, "v": [1, 1, 1]} for name in ("a", self.canary)]
        await self.api.insert_rows(plays, *named)

    async def _look(self) -> None:
        """Learn the ids of all that was made."""
        self.known.note(await self.api(EVERYTHING))
        for each in dict.fromkeys(self.known.seen):
            self.known.own[kind_of(each) or ""].append(each)

    async def is_lost(self) -> bool:
        """Whether the token was revoked."""
        return (await self.api.post("{ viewer { tokenName } }")).status_code == 401

    async def close(self) -> None:
        await self.api.http.aclose()
