"""Clients that change the catalogue while others write: rotations, jobs, databases that come and go. Each says what must be true after."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.caller import AGAIN_SECONDS, Caller, RefusedError, UnansweredError
from bench.ledger import Ledger

ROTATE = """
mutation R($id: ID!, $key: String!, $once: String!) {
  done: rotateCredential(input: {credentialId: $id, apiKey: $key, idempotencyKey: $once}) { credential { version } }
}"""
MIGRATE = """
mutation M($id: ID!, $name: String!, $dimension: Int!) {
  done: migrateCollection(input: {collectionId: $id, name: $name, embedding: {
    provider: "openai", credential: "main", model: "text-embedding-3-small", dimension: $dimension
  }}) { job { id } collection { id } }
}"""
JOB = "query J($id: ID!) { node(id: $id) { ... on Job { status error processed total failed } } }"
COUNT = "query C($id: ID!) { node(id: $id) { ... on Collection { documentCount } } }"
DROP = "mutation D($id: ID!, $name: String!) { done: dropCollection(input: {collectionId: $id, confirmName: $name}) { clientMutationId } }"
CREATE_DATABASE = """
mutation C($name: String!, $region: String!) { done: createDatabase(input: {name: $name, region: $region}) { database { id } } }"""
DROP_DATABASE = """
mutation D($id: ID!, $name: String!) { done: dropDatabase(input: {databaseId: $id, confirmName: $name}) { clientMutationId } }"""
PAUSE_SECONDS = 0.2


@dataclass
class Rotator:
    """Rotates a credential again and again, each time until it is answered."""

    call: Caller
    ledger: Ledger
    credential_id: str
    rotations: int = 0

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            new = self.rotations + 1
            given = {"id": self.credential_id, "key": f"sk-benchmark-{new:08}", "once": f"rotation number {new:08}"}
            answer = await self.call.until_answered(ROTATE, **given)
            self.rotations = new
            version = answer["done"]["credential"]["version"]
            if version != new + 1:
                self.ledger.violation(f"after {new} rotations the credential has version {version}")
            await asyncio.sleep(PAUSE_SECONDS)


@dataclass
class Migrator:
    """Migrates a collection that nobody writes to, waits for each job, and looks whether all has come over."""

    call: Caller
    ledger: Ledger
    collection_id: str
    documents: int
    ended: int = 0
    _number: int = 0

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._number += 1
            name = f"copy_{self._number}"
            try:
                begun = (await self.call(MIGRATE, id=self.collection_id, name=name, dimension=32))["done"]
            except UnansweredError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            await self._ended(begun["job"]["id"])
            copied = await self.call.until_answered(COUNT, id=begun["collection"]["id"])
            if (copied["node"] or {}).get("documentCount") != self.documents:
                self.ledger.violation(f"{name} has {copied} instead of {self.documents} documents")
            await _gone(self.call, DROP, begun["collection"]["id"], name)
            self.ended += 1

    async def _ended(self, job_id: str) -> None:
        while True:
            job = (await self.call.until_answered(JOB, id=job_id))["node"]
            if job["status"] not in ("QUEUED", "RUNNING"):
                break
            await asyncio.sleep(AGAIN_SECONDS)
        if (job["status"], job["failed"]) != ("SUCCEEDED", 0):
            self.ledger.violation(f"a job ended so: {job}")


@dataclass
class Founder:
    """Makes databases and drops them; one whose making was not answered is left alone."""

    call: Caller
    region: str
    dropped: int = 0

    async def work(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"fleeting_{number}"
            try:
                made = await self.call(CREATE_DATABASE, name=name, region=self.region)
            except UnansweredError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            await _gone(self.call, DROP_DATABASE, made["done"]["database"]["id"], name)
            self.dropped += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def _gone(call: Caller, drop: str, identifier: str, name: str) -> None:
    """Drop it, however often it takes; when it was done without an answer, the next attempt finds nothing."""
    try:
        await call.until_answered(drop, id=identifier, name=name)
    except RefusedError as refused:
        if refused.codes != ["NOT_FOUND"]:
            raise
