"""What vendors answer when something is wrong: broken successes, statuses, and the shapes that their errors have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.errors import (
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
)
from tests.fakes.vendor import Fault


def rows(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """A proper reply, its list of vectors changed."""

    def edit(payload: Any) -> Any:  # noqa: ANN401 - JSON
        return change(payload) if isinstance(payload, list) else {**payload, "data": change(payload["data"])}

    return Fault(edit=edit)


def vectors(vector: object) -> Fault:
    """A proper reply, but for every vector."""
    return rows(lambda each: [vector if isinstance(row, list) else {**row, "embedding": vector} for row in each])


def second_index(index: object) -> Fault:
    """A proper reply, but for the index of its second vector."""
    return rows(lambda each: [each[0], {**each[1], "index": index}, *each[2:]])


UNEXPECTED = {
    "too few": rows(lambda each: each[:-1]),
    "too many": rows(lambda each: [*each, each[0]]),
    "none": rows(lambda each: each[:0]),
    "short vectors": vectors([1.0]),
    "no vectors": vectors(None),
    "words": vectors(["one"]),
    "not base64": vectors("***"),
    "beyond 32 bits": vectors([1e300]),
    "an error": Fault(status=200, body={"error": {"message": "no"}}),
    "nothing": Fault(status=200, body=None),
    "data that is null": Fault(status=200, body={"object": "list", "data": None}),
    "no content": Fault(status=204, body=""),
    "an empty body": Fault(cut=0),
    "half a body": Fault(cut=-20),
    "a page": Fault(status=200, body="<html></html>", content_type="text/html"),
    "no type": Fault(content_type=""),
    "a redirect": Fault(status=307, headers={"location": "http://127.0.0.1:9/"}),
}
"""Successes that are none, in the place of a reply of some vectors."""

STATUSES: dict[int, type[ProviderError]] = {
    **dict.fromkeys((400, 401, 402, 403, 404, 409, 410, 413, 415, 422, 424), ProviderClientError),
    **dict.fromkeys((408, 504), ProviderTimeoutError),
    429: ProviderRateLimitedError,
    **dict.fromkeys((500, 501, 502, 503, 529), ProviderServerError),
}

SHAPES = [
    ("azureOpenAI", 404, {"error": {"code": "DeploymentNotFound", "message": "No deployment."}}, "No deployment."),
    ("azureOpenAI", 401, {"error": {"code": "401", "message": "Access denied."}}, "Access denied."),
    ("huggingface", 402, {"error": "Credits are used up."}, "Credits are used up."),
    ("huggingface", 413, {"error": "Too long.", "error_type": "Validation"}, "Too long."),
    ("huggingface", 503, {"error": "Is loading.", "estimated_time": 20.0}, "Is loading."),
    ("huggingfaceDedicated", 401, "", None),
    ("huggingfaceDedicated", 404, "Not Found", "Not Found"),
    ("huggingfaceDedicated", 424, {"message": "Inference failed.", "type": "Backend"}, "Inference failed."),
    ("huggingfaceDedicated", 502, "<html><h1>502 Bad Gateway</h1></html>", None),
    ("jinaAI", 401, {"detail": "Bad key.", "code": "AUTH_INVALID_API_KEY"}, "Bad key."),
    ("jinaAI", 422, {"detail": [{"loc": ["body", "task"], "msg": "No such task."}]}, "No such task."),
    ("mistral", 401, "Unauthorized", "Unauthorized"),
    ("mistral", 403, {"message": "Forbidden", "request_id": "0f"}, "Forbidden"),
    ("mistral", 400, {"object": "error", "message": "Too many tokens.", "code": "3210"}, "Too many tokens."),
    ("mistral", 400, {"object": "error", "message": {"detail": [{"msg": "Required."}]}}, "Required."),
    ("mistral", 400, {"object": "error", "message": {"odd": 1}}, '{"object": "error", "message": {"odd": 1}}'),
    ("mistral", 422, {"detail": [{"loc": ["body", "model"], "msg": "Required."}]}, "Required."),
    ("nvidia", 400, {"error": "Input length 513 exceeds 512."}, "Input length 513 exceeds 512."),
    ("nvidia", 404, "404 page not found", "404 page not found"),
    ("nvidia", 410, {"status": 410, "title": "Gone", "detail": "End of life."}, "End of life."),
    ("nvidia", 410, {"status": 410, "title": "Gone"}, "Gone"),
    ("nvidia", 422, {"detail": [{"loc": ["body", "input_type"], "msg": "Required."}]}, "Required."),
    ("nvidia", 500, {"object": "error", "message": "Broken.", "detail": {}, "type": "x"}, "Broken."),
    ("openai", 403, {"error": {"message": "Not in your country.", "code": "x"}}, "Not in your country."),
    ("upstageAI", 401, {"message": "Unauthorized"}, "Unauthorized"),
    ("upstageAI", 400, {"error": {"message": "Bad.", "type": "x", "param": None, "code": None}}, "Bad."),
    ("upstageAI", 500, {"fault": "odd"}, '{"fault": "odd"}'),
    ("voyageAI", 403, {"detail": "Your IP address is not allowed."}, "Your IP address is not allowed."),
    ("voyageAI", 422, {"detail": [{"loc": ["body", "input"], "msg": "Malformed."}]}, "Malformed."),
]
"""A provider's key, a status, a body, and what of it is the vendor's word."""
