"""Documents and waits for tests of jobs."""

from __future__ import annotations

from typing import Any

from tests.factory import Api
from tests.patience import until

JOB_FIELDS = """
    id kind status targetName column total processed failed errorCode error createdAt startedAt finishedAt
    target { id name } result { id name }"""
JOB = f"query J($id: ID!) {{ node(id: $id) {{ ... on Job {{ {JOB_FIELDS} }} }} }}"
JOBS = f"""
query Jobs($first: Int! = 50, $after: String, $status: JobStatus) {{
  organization {{ jobs(first: $first, after: $after, status: $status) {{
    totalCount nodes {{ {JOB_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}
}}"""
CANCEL = (
    f"mutation C($input: CancelJobInput!) {{ cancelJob(input: $input) {{ clientMutationId job {{ {JOB_FIELDS} }} }} }}"
)
MIGRATE = f"""
mutation M($input: MigrateCollectionInput!) {{
  migrateCollection(input: $input) {{ job {{ {JOB_FIELDS} }} collection {{ id name dimension metric embedding {{ model dimension }} }} }}
}}"""


async def migrate(api: Api, collection_id: str, name: str = "newer", **more: Any) -> tuple[str, str]:  # noqa: ANN401 - JSON
    """The ids of the job and of the new collection."""
    payload = (await api(MIGRATE, input={"collectionId": collection_id, "name": name, **more}))["migrateCollection"]
    return payload["job"]["id"], payload["collection"]["id"]


async def job(api: Api, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api(JOB, id=job_id))["node"]
    return found


async def ended(api: Api, job_id: str) -> dict[str, Any]:
    """The job, once it has ended."""
    found: dict[str, Any] = {}

    async def has_ended() -> bool:
        found.update(await job(api, job_id))
        return found["finishedAt"] is not None

    await until(has_ended)
    return found
