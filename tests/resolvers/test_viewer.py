"""The caller and the limits, over HTTP."""

from __future__ import annotations

from app.access import Permission
from tests.factory import Api, Run

VIEWER = "{ viewer { organization { id name } tokenName subject roles permissions databases { name } } }"


async def test_an_administrator_sees_who_it_is_and_that_it_may_do_everything(api: Api) -> None:
    viewer = (await api(VIEWER))["viewer"]
    assert viewer["organization"]["name"] == "default"
    assert (viewer["tokenName"], viewer["subject"], viewer["roles"]) == (
        "bootstrap",
        "bootstrap",
        ["Organization Administrator"],
    )
    assert viewer["permissions"] == list(Permission)
    assert viewer["databases"] is None


async def test_the_organization_is_the_caller_s_own_with_or_without_its_id(api: Api) -> None:
    own = (await api("{ organization { id name createdAt } }"))["organization"]
    assert own["createdAt"].endswith("Z")
    asked = "query O($id: ID) { organization(id: $id) { id name createdAt } }"
    assert (await api(asked, id=own["id"]))["organization"] == own
    for other in ("nonsense", "", own["id"] + "="):
        assert (await api(asked, id=other))["organization"] is None


async def test_the_limits_are_those_of_the_settings(run: Run) -> None:
    running = await run(max_body_bytes=4096, max_depth=7, max_aliases=3, max_tokens=300, max_root_fields=4, max_cost=99)
    limits = (
        await running.api("""{ limits { maxBodyBytes maxItemsPerInsert maxPageSize maxNodes maxScopedDatabasesPerCall
          maxDepth maxAliases maxTokens maxRootFields maxCost } }""")
    )["limits"]
    assert limits == {
        "maxBodyBytes": 4096,
        "maxItemsPerInsert": 1000,
        "maxPageSize": 500,
        "maxNodes": 100,
        "maxScopedDatabasesPerCall": 10,
        "maxDepth": 7,
        "maxAliases": 3,
        "maxTokens": 300,
        "maxRootFields": 4,
        "maxCost": 99,
    }
