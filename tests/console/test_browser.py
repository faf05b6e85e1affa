"""GraphiQL in a real browser against a real gateway: what a person sees of an answer, an error and a subscription."""

from __future__ import annotations

from playwright.async_api import expect

from app.notification import Topic
from tests.console.conftest import Open
from tests.console.test_examples import EXAMPLES
from tests.factory import TOKEN, Running
from tests.patience import until

BOOKS = (
    {"_id": "moby-dick", "year": 1851, "$vectorize": "A captain hunts a white whale across the oceans."},
    {"_id": "frankenstein", "year": 1818, "$vectorize": "A scientist gives life to a creature and flees from it."},
    {"_id": "time-machine", "year": 1895, "$vectorize": "An inventor travels to the far future of mankind."},
)


async def test_a_search_is_answered_with_ids_that_the_console_has_learned(running: Running, window: Open) -> None:
    await running.api.insert(await running.api.local_collection(), *BOOKS)
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await expect(console.standing).to_have_text("bootstrap · default")
    await console.choose("VectorSearch")
    await console.run()
    await console.answers("COLLECTION_ID stands for the id of a collection")
    await console.choose("Overview")
    await console.run()
    await console.answers('"name": "library"', '"name": "books"')
    await console.choose("VectorSearch")
    await console.run()
    await console.answers('"key": "moby-dick"', '"similarity":', '"exact": true')
    await console.picture("search")


async def test_a_text_that_is_a_name_of_javascripts_own_is_searched_with(running: Running, window: Open) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, *BOOKS)
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await console.choose("VectorSearch")
    for word in ("constructor", "toString", "__proto__"):
        await console.vary({"target": collection_id, "query": word, "first": 3})
        await console.run()
        await console.answers('"exact": true')


async def test_ids_are_forgotten_with_the_token_that_saw_them(running: Running, window: Open) -> None:
    await running.api.database("library")
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await expect(console.ids.first).to_have_text("\N{EN DASH}")
    await console.run()
    await expect(console.ids.first).to_have_text("library")
    await console.page.get_by_role("button", name="Forget").click()
    await expect(console.ids.first).to_have_text("\N{EN DASH}")


async def test_an_error_is_shown_with_its_code_and_its_facts(running: Running, window: Open) -> None:
    await running.api.database("library")
    console = await window(running.url, color_scheme="dark")
    await console.run()
    await console.answers('"code": "UNAUTHENTICATED"')
    console.expected("401 (Unauthorized)")
    await console.picture("signed-out")
    await console.sign_in("vg_no-token-of-this-gateway")
    await expect(console.standing).to_contain_text("not valid")
    console.expected("401 (Unauthorized)")
    await console.sign_in(TOKEN)
    await console.choose("CreateDatabase")
    await console.run()
    await console.answers('"code": "ALREADY_EXISTS"', '"retryable": false')
    await console.picture("error")


async def test_a_subscription_runs_until_it_is_stopped(running: Running, window: Open) -> None:
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await console.choose("AuditEvents")
    await console.run()
    await until(lambda: _followed(running))
    await running.api.database("library")
    await console.answers('"action": "create_database"', '"targetName": "library"', '"outcome": "done"')
    await console.picture("subscription")
    await running.api.database("archive")
    await console.answers('"targetName": "archive"')
    await console.stop()
    await until(lambda: _left(running))


async def test_a_job_is_followed_to_its_end(running: Running, window: Open) -> None:
    await running.api.insert(await running.api.local_collection(), *BOOKS)
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await console.run()
    await console.answers('"name": "books"')
    await console.example("Change the model")
    await console.run()
    await console.answers('"kind": "MIGRATE_COLLECTION"')
    await console.choose("JobProgress")
    await console.run()
    await console.answers('"status": "SUCCEEDED"', '"processed": 3')
    await console.picture("job")


async def test_no_example_is_underlined(running: Running, window: Open) -> None:
    console = await window(running.url)
    for example in EXAMPLES:
        await console.example(example.title)
        assert await console.faults_of_variables(example.name) == [], example.title


async def test_a_variable_with_a_default_is_not_asked_for(running: Running, window: Open) -> None:
    console = await window(running.url)
    await console.write(
        "query-editor", "query Own($id: ID!, $first: Int! = 3) { vectorSearch(targetId: $id, first: $first) { model } }"
    )
    await console.vary({})
    assert await console.faults_of_variables("Own") == ['Missing property "id".']


async def test_variables_that_do_not_fit_are_underlined(running: Running, window: Open) -> None:
    console = await window(running.url)
    await console.choose("VectorSearch")
    await console.vary({"target": "any", "query": 5, "first": "many", "filter": [1], "other": None})
    assert await console.faults_of_variables("VectorSearch") == [
        'Incorrect type. Expected "string".',
        'Incorrect type. Expected "integer".',
        "Incorrect type. Expected one of object, string, null.",
        "Property other is not allowed.",
    ]
    await expect(console.faults).to_have_count(4)


async def test_the_editor_knows_the_schema_and_checks_what_is_written_before_anybody_signs_in(
    running: Running, window: Open
) -> None:
    console = await window(running.url)
    await console.write("query-editor", "query Wrong { organization { nonsense } }")
    await expect(console.faults).to_be_visible()
    await console.write("query-editor", "query Right { organization { name } }")
    await expect(console.faults).to_have_count(0)
    await console.page.get_by_role("button", name="Prettify query").click()
    await expect(console.page.locator(".graphiql-query-editor .view-line")).to_have_count(6)


async def test_the_token_stays_in_this_tab_and_goes_when_it_is_forgotten(running: Running, window: Open) -> None:
    console = await window(running.url)
    await console.sign_in(TOKEN)
    await expect(console.standing).to_have_text("bootstrap · default")
    await console.page.reload()
    await expect(console.standing).to_have_text("bootstrap · default")
    assert TOKEN not in console.page.url
    assert await console.page.evaluate("JSON.stringify([localStorage, document.cookie])") == '[{},""]'
    await console.page.get_by_role("button", name="Forget").click()
    await expect(console.standing).to_contain_text("Nothing is answered without an access token")
    assert TOKEN not in await console.page.evaluate("JSON.stringify(sessionStorage)")


async def test_a_socket_that_the_gateway_refuses_is_told_in_words(running: Running, window: Open) -> None:
    console = await window(running.url)
    await console.choose("AuditEvents")
    await console.run()
    await console.answers("Forbidden: connection_init needs an access token")


async def test_the_page_reaches_nobody_else_and_runs_no_code_of_strangers(running: Running, window: Open) -> None:
    console = await window(running.url)
    elsewhere = "fetch('http://elsewhere.invalid/').catch(() => 'refused')"
    assert await console.page.evaluate(elsewhere) == "refused"
    await console.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.strange = 1'}))"
    )
    assert await console.page.evaluate("window.strange") is None
    told = console.complaints.copy()
    console.complaints.clear()
    assert len(told) == 3
    assert all("Content Security Policy" in each for each in told)


def _followers(running: Running) -> int:
    readers = running.gateway.hub._readers.items()
    return sum(len(flags) for (topic, _), flags in readers if topic == Topic.AUDIT_EVENT)


async def _followed(running: Running) -> bool:
    return _followers(running) == 1


async def _left(running: Running) -> bool:
    return _followers(running) == 0
