"""GraphiQL for the browser that opens the endpoint, and the files that it loads: all from here, under a policy that lets nothing else in.

They are built by `console/build.py` and hold no data: whoever has no access token sees an empty console.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

BUILT: Final = Path(__file__).with_name("console")

FILE_PATH: Final = "/graphql/console/{name}"
"""Where the page looks for its files; `renderBuiltUrl` in console/vite.config.ts says the same."""

PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the editor writes its theme and the places of its lines as it goes
        "font-src 'self' data:",  # GraphiQL's stylesheet carries its fonts
        "img-src 'self' data:",  # the icon; the editor's wavy lines
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
FILE_POLICY: Final = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
"""It binds the workers, to whom the page's policy does not apply: they may load each other, and reach nothing."""

MEDIA: Final = {".js": "text/javascript", ".css": "text/css", ".ttf": "font/ttf"}
"""The kinds of files, whatever the system's own table of media types says of them."""

FOREVER: Final = "public, max-age=31536000, immutable"
"""For files that have a hash of their contents in their names."""

_NAME = re.compile(r"[\w-][\w.-]*")

NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Vectorgate</title></head>
<body>
<h1>GraphiQL is not built here</h1>
<p>This is Vectorgate's GraphQL endpoint, and it is up. GraphiQL comes with the installed package; a clone of the repository builds it
with one command, which needs Node.js with npm:</p>
<pre>python3 console/build.py</pre>
<p>Reload this page then. Every other GraphQL client can use this address as it is: POST, with an access token. The schema is at
<a href="schema.graphql">/schema.graphql</a>, unless the operator keeps it closed.</p>
</body>
</html>
"""

Respond = Callable[[Request], Awaitable[Response]]


def graphiql(built: Path = BUILT) -> Respond:
    """Answers the page itself: always asked for anew, and sent again only when it has changed."""

    async def respond(request: Request) -> Response:
        page = await asyncio.to_thread(_read, built / "index.html")
        if page is None:
            return HTMLResponse(NOT_BUILT, headers={"vary": "accept"})
        tag = f'"{hashlib.sha256(page).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept", "content-security-policy": PAGE_POLICY}
        if tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(page, headers=headers)

    return respond


def graphiql_files(built: Path = BUILT) -> Respond:
    """Answers the files of the page, by name, compressed where the client takes it. There is nothing else to be had here."""

    async def respond(request: Request) -> Response:
        name = request.path_params["name"]
        media = MEDIA.get(Path(name).suffix) if _NAME.fullmatch(name) else None
        if media is None or not await asyncio.to_thread((built / name).is_file):
            del request.scope["endpoint"]  # the path leads nowhere: the log leaves it out
            raise HTTPException(404)
        headers = {"cache-control": FOREVER, "vary": "accept-encoding", "content-security-policy": FILE_POLICY}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return FileResponse(built / f"{name}.gz", headers=headers | {"content-encoding": "gzip"}, media_type=media)
        return FileResponse(built / name, headers=headers, media_type=media)

    return respond


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _tags(if_none_match: str) -> set[str]:
    """The entity tags of the header; weak ones count as strong ones, as RFC 9110, 13.1.2, has it."""
    return {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
