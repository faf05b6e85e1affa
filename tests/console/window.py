"""What a person does with the console, and what a browser says while it is done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from tests.patience import PATIENCE_SECONDS, until

SCREENSHOTS = Path(__file__).parent.parent.parent / "build" / "screenshots"
expect.set_options(timeout=PATIENCE_SECONDS * 1000)
RESPONSE = """() => {
  const models = globalThis.__MONACO?.editor.getModels() ?? []
  return models.find(model => model.uri.path.endsWith("response.json"))?.getValue() ?? ""
}"""
"""The editor renders only the lines in view: what it holds is asked of it."""
FAULTS = """async (name) => {
  const {editor, languages} = globalThis.__MONACO
  const [known] = languages.json.jsonDefaults.diagnosticsOptions.schemas ?? []
  if (known?.schema.title !== `Variables of ${name}`) return null
  const variables = editor.getModels().filter(model => model.uri.path.endsWith("variables.json"))
  const check = await languages.json.getWorker()
  const faults = Promise.all(variables.map(async ({uri}) => (await check(uri)).doValidation(uri.toString())))
  const late = new Promise(resolve => setTimeout(() => resolve(null), 2000))
  return (await Promise.race([faults, late]))?.flat().map(({message}) => message) ?? null
}"""
"""What the editor finds in the variables of this operation, asked of what underlines them, so that nobody waits for a line that is not
to come. Null before it has read the operation, and where it has ended the worker that was asked, as it does to read another time."""

VARY = """(text) => {
  const models = globalThis.__MONACO?.editor.getModels() ?? []
  models.filter(model => model.uri.path.endsWith("variables.json")).forEach(model => model.setValue(text))
}"""


@dataclass
class Window:
    """A browser's window on the console of one gateway."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the page, violations of its policy among them, and whom it tried to reach beside the gateway."""

    @classmethod
    async def open(cls, context: BrowserContext, url: str) -> Self:
        page = await context.new_page()
        window = cls(page, url)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("console", window._said)
        page.on("pageerror", lambda error: window.complaints.append(f"uncaught: {error}"))
        page.on("websocket", lambda socket: window._reached(socket.url))
        page.on("request", lambda request: window._reached(request.url))
        await context.route(lambda each: not window._own(each), window._refuse)
        await page.goto(f"{url}/graphql")
        await expect(page.locator(".graphiql-query-editor .view-line").first).to_be_visible()
        return window

    # --- what a person does ---
    async def sign_in(self, token: str) -> None:
        await self.page.get_by_label("Access token").fill(token)
        await self.page.get_by_role("button", name="Use", exact=True).click()

    async def choose(self, tab: str) -> None:
        await self.page.get_by_role("tab", name=tab, exact=True).click()

    async def example(self, title: str) -> None:
        """Open an example from the list beside the editor."""
        await self.page.get_by_role("region", name="Examples").get_by_text(title, exact=True).click()

    async def run(self) -> None:
        await self.page.get_by_role("button", name="Execute query").click()

    async def stop(self) -> None:
        await self.page.get_by_role("button", name="Stop query").click()

    async def write(self, editor: str, text: str) -> None:
        """Replace what stands in an editor."""
        await self.page.locator(f".graphiql-{editor} .view-lines").first.click()
        await self.page.keyboard.press("ControlOrMeta+A")
        await self.page.keyboard.insert_text(text)

    async def vary(self, variables: dict[str, object]) -> None:
        """Replace the variables of the tab."""
        await self.page.evaluate(VARY, json.dumps(variables))

    async def picture(self, name: str) -> None:
        await expect(self.faults).to_have_count(0)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    # --- what a person sees ---
    @property
    def standing(self) -> Locator:
        """Whose token it is."""
        return self.page.get_by_role("status").first

    @property
    def ids(self) -> Locator:
        """What the placeholders stand for."""
        return self.page.get_by_role("region", name="Examples").get_by_role("definition")

    @property
    def faults(self) -> Locator:
        """What the editor underlines in red."""
        return self.page.locator(".squiggly-error")

    async def faults_of_variables(self, operation: str) -> list[str]:
        """What the editor finds wrong with them, once it has read what this operation takes."""
        found: list[str] | None = None

        async def has_looked() -> bool:
            nonlocal found
            found = await self.page.evaluate(FAULTS, operation)
            return found is not None

        await until(has_looked)
        return found or []

    async def answers(self, *parts: str) -> None:
        """Wait until all of these stand in the response, however its lines are broken."""
        seen = ""

        async def has_answered() -> bool:
            nonlocal seen
            seen = " ".join((await self.page.evaluate(RESPONSE)).split())
            return all(part in seen for part in parts)

        try:
            await until(has_answered)
        except TimeoutError:
            raise AssertionError(f"not {parts}, but: {seen}") from None

    # --- what the browser says ---
    def expected(self, complaint: str) -> None:
        """One complaint that had to come: a browser calls every refusal's status an error."""
        self.complaints.remove(next(each for each in self.complaints if complaint in each))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _own(self, url: str) -> bool:
        there = urlsplit(url)
        return there.scheme in {"data", "blob"} or there.netloc == urlsplit(self.origin).netloc

    def _reached(self, url: str) -> None:
        if not self._own(url):
            self.complaints.append(f"reached for {url}")

    async def _refuse(self, route: Route) -> None:
        await route.abort()
