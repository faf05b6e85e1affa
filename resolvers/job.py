"""Jobs in GraphQL: what they are about, how far they have come, and what becomes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from app.access import Permission
from app.domain import job as rules
from app.store import record
from app.store.record import JobKind, JobStatus
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.error_code import ErrorCode
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, local_id
from resolvers.operation.plan.light import light
from resolvers.permission import mutation
from resolvers.target import target_by_id
from resolvers.vector import VectorTarget

described_enum(
    JobKind,
    "What a job does. Kinds may be added: have a default case.",
    {
        "MIGRATE_COLLECTION": "Fills a new collection from another one, with another embedding configuration.",
        "MIGRATE_VECTOR_COLUMN": "Fills a new vector column, and puts it in the place of the old one.",
        "EMBED_MISSING": "Embeds texts that have no vector.",
        "BUILD_INDEX": "Builds a vector index.",
    },
)
described_enum(
    JobStatus,
    "How far a job has come.",
    {
        "QUEUED": "It waits for a worker.",
        "RUNNING": "A worker is at it, or, where that was stopped or killed, another takes it up within seconds.",
        "SUCCEEDED": "It is done.",
        "FAILED": "It has given up: errorCode and error say why.",
        "CANCELLED": "It was cancelled, or what it was about was dropped.",
    },
)


@strawberry.type(
    description="Work that outlives its request. It goes on where it was when the process that works on it stops or is killed."
)
class Job(Node):
    stored: strawberry.Private[record.Job]
    kind: JobKind = strawberry.field(description="What it does.")
    status: JobStatus = strawberry.field(description="How far it has come.")
    target_name: str = strawberry.field(description="What the collection or table was called when the job began.")
    column: str | None = strawberry.field(description="The vector column that it is about; null for a collection.")
    total: int = strawberry.field(description="How many items there are, as far as is known; 0 until they are counted.")
    processed: int = strawberry.field(description="How many of them are dealt with, those that failed included.")
    failed: int = strawberry.field(
        description="How many have no vector for a reason of their own: they had no text, or the provider refused it."
    )
    error_code: ErrorCode | None = strawberry.field(description="Why it FAILED, for programs.")
    error: str | None = strawberry.field(description="Why it FAILED, and what to do.")
    created_at: dt.datetime = strawberry.field(description="When it was asked for.")
    started_at: dt.datetime | None = strawberry.field(description="When a worker first took it.")
    finished_at: dt.datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def of(cls, job: record.Job) -> Job:
        return cls(
            id=global_id("Job", job.id),
            stored=job,
            kind=job.kind,
            status=job.status,
            target_name=job.target_name,
            column=job.column_name,
            total=job.total,
            processed=job.processed,
            failed=job.failed,
            error_code=ErrorCode(job.error_code) if job.error_code else None,
            error=job.error,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )

    @strawberry.field(description="The collection or table that it was asked for; null once that is dropped.")
    @light
    async def target(self, info: Info) -> VectorTarget | None:
        return await target_by_id(info, self.stored.target_id)

    @strawberry.field(
        description="What it makes: the new collection of MIGRATE_COLLECTION; null for others, and once it is dropped."
    )
    @light
    async def result(self, info: Info) -> VectorTarget | None:
        return await target_by_id(info, self.stored.result_id) if self.stored.result_id else None


@strawberry.input(description="Cancel a job.")
class CancelJobInput(Input):
    job_id: strawberry.ID = strawberry.field(description="The job.")


@strawberry.type(description="The outcome of cancelJob.")
class CancelJobPayload(Payload):
    job: Job = strawberry.field(description="The job, CANCELLED.")


@strawberry.type
class JobMutation:
    @mutation(
        Permission.WRITE_DATA,
        "Cancel a job; what it has made so far is removed moments later. Cancelling it again answers it again; one that has "
        "ended by itself is BAD_INPUT. Needs the permission that starting the job needs, too.",
    )
    async def cancel_job(self, info: Info, input: CancelJobInput) -> CancelJobPayload | None:
        identifier = local_id("Job", input.job_id)
        cancelled = await rules.cancel(info.context.gateway, info.context.actor, identifier)
        return CancelJobPayload(job=Job.of(cancelled), client_mutation_id=input.client_mutation_id)


@strawberry.type
class JobSubscription:
    @strawberry.subscription(
        description="A job as it is now, then after each change, on whichever replica it is worked on; completes when it has ended."
    )
    async def job_progress(
        self, info: Info, job_id: Annotated[strawberry.ID, strawberry.argument(description="The job.")]
    ) -> AsyncGenerator[Job, None]:
        followed = await rules.follow(info.context.gateway, info.context.actor, local_id("Job", job_id))
        return _shown(followed)


async def jobs(info: Info, first: int, after: str | None, status: JobStatus | None) -> Connection[Job]:
    """A page of the jobs that the caller sees."""
    gateway, actor = info.context.gateway, info.context.actor
    page = await rules.page(gateway, actor, first=first, after=after, status=status)
    return connection(Connection[Job], page, Job.of, lambda: rules.count(gateway, actor, status=status))


async def _shown(followed: AsyncGenerator[record.Job, None]) -> AsyncGenerator[Job, None]:
    async with aclosing(followed):
        async for each in followed:
            yield Job.of(each)
