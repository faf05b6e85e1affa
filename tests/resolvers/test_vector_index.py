"""Vector indexes over HTTP: made at once or by a job, refused, dropped, and never left half-made (rules 31 and 34)."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from app.domain import index_build, vector_index
from app.errors import Internal
from app.store.record import Vector
from tests.factory import Api, Running
from tests.patience import until
from tests.resolvers.tables import (
    ADD_COLUMNS,
    CREATE_INDEX,
    DROP_COLUMNS,
    DROP_INDEX,
    DROP_TABLE,
    ID,
    JOB,
    TITLE,
    home,
    put,
    table,
    vector,
    version,
)

CANCEL = "mutation C($id: ID!) { cancelJob(input: {jobId: $id}) { job { status } } }"
INDEXES = """
select indexdef, indisvalid from pg_indexes join pg_index on indexrelid = (schemaname || '.' || indexname)::regclass
where schemaname like 'vg\\_%' and indexname like 'i\\_%'"""


async def films(running: Running, *columns: dict[str, Any]) -> str:
    return await running.api.table(await running.api.database(), columns=(ID, TITLE, *(columns or (vector(),))))


async def index(api: Api, identifier: str, column: str = "v") -> Any:  # noqa: ANN401 - JSON
    return (await table(api, identifier))["columns"][column]["index"]


async def built(running: Running) -> list[str]:
    """The operator classes of the vector indexes that are there."""
    rows = await running.sql(INDEXES)
    assert all(row["indisvalid"] for row in rows), "none is left invalid"
    return sorted(row["indexdef"].rstrip(")").split()[-1] for row in rows)


async def ended(api: Api, job_id: str) -> dict[str, Any]:
    """The job, once it has ended."""
    found: dict[str, Any] = {}

    async def over() -> bool:
        found.update((await api(JOB, id=job_id))["node"])
        return found["status"] not in ("QUEUED", "RUNNING")

    await until(over)
    return found


async def until_failed(api: Api, identifier: str) -> None:
    """Wait until what a job that ended has left behind is cleared away."""

    async def cleared() -> bool:
        return bool((await index(api, identifier))["status"] == "FAILED")

    await until(cleared)


def ones(dimension: int = 3) -> Vector:
    return np.ones(dimension, np.float32)


# --- at once ---
async def test_an_index_of_a_column_without_vectors_is_there_at_once(running: Running) -> None:
    api, identifier = running.api, await films(running, vector(), vector("w", 2_500), vector("x", 4_001))
    await put(running, identifier, range(3), title="Jaws")
    for column, metric, kind in (("v", "EUCLIDEAN", "vector_l2_ops"), ("w", "DOT_PRODUCT", "halfvec_ip_ops")):
        made = (await api(CREATE_INDEX, id=identifier, column=column, metric=metric))["createVectorIndex"]
        assert made == {
            "table": {"id": identifier, "name": "films"},
            "column": {"name": column, "index": {"name": f"{column}_index", "metric": metric, "status": "READY"}},
            "job": None,
        }
        assert kind in await built(running)
    assert await version(running, identifier) == (3, 3), "what is written must be fit for it from now on"


async def test_beyond_4000_dimensions_an_index_is_a_name_and_a_metric_only(running: Running) -> None:
    api, identifier = running.api, await films(running, vector("v", 4_001))
    await put(running, identifier, range(2), v=ones(4_001))
    made = (await api(CREATE_INDEX, id=identifier, column="v", name="mine"))["createVectorIndex"]
    assert (made["column"]["index"]["status"], made["job"], await built(running)) == ("READY", None, [])
    await api(DROP_INDEX, id=identifier, name="mine")
    assert await index(api, identifier) is None


async def test_what_an_index_is_asked_for_wrongly_is_refused_and_changes_nothing(running: Running) -> None:
    api, identifier = running.api, await films(running, vector(), vector("w", index={"name": "mine"}))
    before = await table(api, identifier)
    for given, code, facts in (
        ({"column": "nobody"}, "COLUMN_UNKNOWN", {"column": "nobody"}),
        ({"column": "title"}, "COLUMN_NOT_VECTOR", {"column": "title"}),
        ({"column": "w"}, "ALREADY_EXISTS", {"column": "w"}),
        ({"column": "w", "metric": "EUCLIDEAN", "name": "more"}, "ALREADY_EXISTS", {"column": "w"}),
        ({"name": "mine"}, "ALREADY_EXISTS", {"column": "v"}),
        ({"name": 'i"; drop table x'}, "BAD_INPUT", {"limit": 48, "actual": 16}),
        ({"name": ""}, "BAD_INPUT", {"limit": 48, "actual": 0}),
        ({"id": "nonsense"}, "NOT_FOUND", {}),
    ):
        refused = await api.refusal(CREATE_INDEX, **{"id": identifier, "column": "v", **given})
        assert (refused.codes, {name: refused.facts[name] for name in facts}) == ([code], facts), given
    for name in ("nobody", "Mine", ""):
        assert (await api.refusal(DROP_INDEX, id=identifier, name=name)).codes == ["NOT_FOUND"]
    assert await table(api, identifier) == before
    assert (await version(running, identifier), await built(running)) == ((1, None), ["vector_cosine_ops"])


async def test_indexes_need_their_permission_and_a_table_of_one_s_own(running: Running) -> None:
    identifier = await films(running)
    async with (
        await running.other_organization() as stranger,
        await running.api.with_token("Read/Write User") as writer,
    ):
        for document, given in ((CREATE_INDEX, {"column": "?"}), (DROP_INDEX, {"name": "?"})):
            assert (await stranger.refusal(document, id=identifier, **given)).codes == ["NOT_FOUND"]
            refused = await writer.refusal(document, id=identifier, **given)
            assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "CREATE_INDEX")


async def test_a_dropped_index_can_be_made_again_by_another_metric(running: Running) -> None:
    api, identifier = running.api, await films(running, vector(index={"name": "mine"}))
    dropped = (await api(DROP_INDEX, id=identifier, name="mine"))["dropVectorIndex"]["table"]
    assert dropped["columns"][2] == {"name": "v", "index": None}
    assert (await built(running), await version(running, identifier)) == ([], (2, 2))
    await api(CREATE_INDEX, id=identifier, column="v", name="mine", metric="DOT_PRODUCT")
    assert await built(running) == ["vector_ip_ops"]


async def test_a_region_that_fails_leaves_the_catalogue_as_it_was(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Internal("a fault")

    api, identifier = running.api, await films(running, vector(), vector("w", index={}))
    before = await table(api, identifier)
    with monkeypatch.context() as patched:
        patched.setattr("app.store.vector_index.create", fail)
        assert (await api.refusal(CREATE_INDEX, id=identifier, column="v")).codes == ["INTERNAL"]
    with monkeypatch.context() as patched:
        patched.setattr("app.store.vector_index.drop", fail)
        assert (await api.refusal(DROP_INDEX, id=identifier, name="w_index")).codes == ["INTERNAL"]
    assert await table(api, identifier) == before
    assert await version(running, identifier) == (1, None)


async def test_of_many_who_make_an_index_at_once_one_succeeds(running: Running) -> None:
    identifier = await films(running)
    given = {"id": identifier, "column": "v"}
    answers = await asyncio.gather(*(running.api.post(CREATE_INDEX, given) for _ in range(4)))
    codes = [[each["extensions"]["code"] for each in answer.json().get("errors", ())] for answer in answers]
    assert sorted(codes) == [[]] + [["ALREADY_EXISTS"]] * 3
    assert await built(running) == ["vector_cosine_ops"]


# --- vectors that an index could not find ---
BIG, TINY = np.full(2_500, 70_000, np.float32), np.full(2_500, 1e-9, np.float32)


@pytest.mark.parametrize(
    ("dimension", "metric", "bad", "good"),
    [
        (3, "COSINE", [np.zeros(3), np.full(3, 1e30), np.full(3, 1e-30)], ones(3)),
        (2_500, "COSINE", [np.zeros(2_500), BIG, TINY], ones(2_500)),
        (2_500, "EUCLIDEAN", [BIG], TINY),
        (4_001, "COSINE", [np.zeros(4_001)], np.full(4_001, 70_000)),
    ],
)
async def test_vectors_that_a_search_could_not_find_are_told_before_an_index_is_made(
    running: Running, dimension: int, metric: str, bad: list[Vector], good: Vector
) -> None:
    api, identifier = running.api, await films(running, vector("v", dimension))
    for number, each in enumerate(bad):
        await put(running, identifier, [-1 - number], v=each.astype(np.float32))
    await put(running, identifier, range(2), v=good.astype(np.float32))
    refused = await api.refusal(CREATE_INDEX, id=identifier, column="v", metric=metric)
    assert (refused.codes, refused.facts["actual"], refused.facts["metric"]) == (["INVALID_VECTOR"], len(bad), metric)
    assert (await index(api, identifier), await built(running)) == (None, [])
    assert await version(running, identifier) == (1, None)


async def test_what_is_written_in_the_moment_before_writes_know_fails_the_index(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, identifier = running.api, await films(running)
    enter = vector_index._enter

    async def meanwhile(*args: Any) -> None:  # noqa: ANN401 - handed on as they came
        await put(running, identifier, [0], v=np.zeros(3, np.float32))
        await enter(*args)

    monkeypatch.setattr(vector_index, "_enter", meanwhile)
    refused = await api.refusal(CREATE_INDEX, id=identifier, column="v")
    assert (refused.codes, refused.facts["actual"]) == (["INVALID_VECTOR"], 1)
    assert await index(api, identifier) == {"name": "v_index", "metric": "COSINE", "status": "FAILED"}
    await api(DROP_INDEX, id=identifier, name="v_index")
    assert await built(running) == []


# --- by a job ---
@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Builds of indexes wait for this, once there is something to see of them."""
    goes_on, build = asyncio.Event(), index_build._build

    async def patiently(*args: Any) -> None:  # noqa: ANN401 - handed on as they came
        await goes_on.wait()
        await build(*args)

    monkeypatch.setattr(index_build, "_build", patiently)
    return goes_on


async def test_an_index_of_stored_vectors_is_built_by_a_job(running: Running, waiting: asyncio.Event) -> None:
    api, identifier = running.api, await films(running)
    await put(running, identifier, range(5), v=ones())
    await put(running, identifier, range(5, 7), title="without")
    made = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]
    job_id = made["job"].pop("id")
    assert made["job"]["status"] in ("QUEUED", "RUNNING")
    assert made["job"] | {"status": None} == {
        "kind": "BUILD_INDEX",
        "status": None,
        "column": "v",
        "target": {"name": "films"},
    }
    assert made["column"]["index"] == {"name": "v_index", "metric": "COSINE", "status": "BUILDING"}
    assert await version(running, identifier) == (2, 2)
    await put(running, identifier, [7], v=ones())
    waiting.set()
    job = await ended(api, job_id)
    assert (job["status"], job["targetName"], job["failed"]) == ("SUCCEEDED", "films", 0)
    assert job["processed"] == job["total"] in (5, 6)
    assert (await index(api, identifier))["status"] == "READY"
    assert await built(running) == ["vector_cosine_ops"]


async def test_while_an_index_is_built_the_table_keeps_its_shape(running: Running, waiting: asyncio.Event) -> None:
    api, identifier = running.api, await films(running, vector(), vector("w"))
    await put(running, identifier, range(2), v=ones())
    job_id = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]["job"]["id"]
    before = await table(api, identifier)
    for document, given in (
        (ADD_COLUMNS, {"columns": [{"name": "year", "type": "INT"}]}),
        (DROP_COLUMNS, {"columns": ["title"]}),
        (CREATE_INDEX, {"column": "w"}),
        (DROP_INDEX, {"name": "v_index"}),
    ):
        refused = await api.refusal(document, id=identifier, **given)
        assert (refused.codes, refused.facts["column"]) == (["BAD_INPUT"], "v"), given
        assert "cancelJob" in refused.errors[0]["message"]
    assert await table(api, identifier) == before
    waiting.set()
    assert (await ended(api, job_id))["status"] == "SUCCEEDED"
    await api(CREATE_INDEX, id=identifier, column="w")


async def test_vectors_beyond_the_first_look_fail_the_job_and_nothing_of_the_index_stays(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "FIRST_LOOK", 1)
    api, identifier = running.api, await films(running)
    await put(running, identifier, [0], v=ones())
    await put(running, identifier, range(1, 3), v=np.zeros(3, np.float32))
    job_id = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]["job"]["id"]
    job = await ended(api, job_id)
    assert (job["status"], job["errorCode"]) == ("FAILED", "INVALID_VECTOR")
    assert job["error"].startswith("2 of the vectors in 'v'")

    await until_failed(api, identifier)
    assert await built(running) == []
    assert (await api.refusal(CREATE_INDEX, id=identifier, column="v")).codes == ["ALREADY_EXISTS"]
    await api(DROP_INDEX, id=identifier, name="v_index")


async def test_a_cancelled_build_leaves_no_invalid_index(running: Running, waiting: asyncio.Event) -> None:
    api, identifier = running.api, await films(running)
    await put(running, identifier, range(2), v=ones())
    job_id = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]["job"]["id"]
    into, columns = await home(running, identifier)
    broken_off = columns["v"].replace("c_", "i_")
    await running.sql(f"create index {broken_off} on {into} using hnsw ({columns['v']} vector_l2_ops)")
    await api(CANCEL, id=job_id)

    await until_failed(api, identifier)
    assert await built(running) == []
    waiting.set()
    assert (await api(JOB, id=job_id))["node"]["status"] == "CANCELLED"


async def test_a_build_is_broken_off_in_the_middle_when_its_job_is_cancelled(
    running: Running, waiting: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a write in flight, as it would be busy with many vectors."""
    monkeypatch.setattr(index_build, "LOOK_SECONDS", 0.01)
    api, identifier = running.api, await films(running)
    await put(running, identifier, range(2), v=ones())
    job_id = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]["job"]["id"]
    into, _ = await home(running, identifier)

    async def building() -> bool:
        return len(await running.sql("select from pg_stat_progress_create_index")) == 1

    async def over() -> bool:
        return not await building()

    async with running.gateway.postgres.catalogue.transaction() as writing:
        await writing.execute(f"lock table {into} in row exclusive mode")
        waiting.set()
        await until(building)
        await api(CANCEL, id=job_id)
        await until(over)
        assert len(await running.sql(INDEXES)) == 1, "PostgreSQL leaves what it was building"
    await until_failed(api, identifier)
    assert await running.sql(INDEXES) == []


@pytest.mark.usefixtures("waiting")
async def test_a_table_that_is_dropped_ends_the_building_of_its_index(running: Running) -> None:
    api, identifier = running.api, await films(running)
    await put(running, identifier, range(2), v=ones())
    job_id = (await api(CREATE_INDEX, id=identifier, column="v"))["createVectorIndex"]["job"]["id"]
    await api(DROP_TABLE, id=identifier, name="films")
    assert (await api(JOB, id=job_id))["node"]["status"] == "CANCELLED"
    assert await built(running) == []
