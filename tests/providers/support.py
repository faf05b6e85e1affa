"""What tests of the sender have in common: keys, a configuration, and a source of secrets that does as it is told."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from providers.base import HttpProvider, InputType
from providers.configuration import Configuration
from providers.embedding import Embedding
from providers.secret import Secret
from providers.transport import Sender

KEY = "sk-proj-Zk3vQ9xLw2Rt7Yb5"
ROTATED = "sk-proj-Pm8cN4hJd6Fs1Ga0"
TESTS = str(Path(__file__).parent.parent)
SMALL = Configuration("text-embedding-3-small", 8, {})


@dataclass
class Source:
    """Answers its secrets one after the other and then the last one again; an exception among them is raised."""

    answers: list[Secret | Exception] = field(default_factory=lambda: [Secret(KEY)])
    asked: int = 0

    async def __call__(self) -> Secret:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


async def embed(
    sender: Sender, provider: HttpProvider, texts: Sequence[str], source: Source | None = None, lane: object = "lane"
) -> Embedding:
    return await sender.embed(provider, SMALL, texts, InputType.DOCUMENT, secrets=source or Source(), lane=lane)


def everything_in(error: BaseException) -> str:
    """What the most talkative logger could print: messages, facts, causes, and locals of all frames but the tests'."""
    shown = [repr(error), str(error), repr(vars(error))]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(TESTS):
            shown.append(repr(frame.f_locals))
    causes = [cause for cause in (error.__cause__, error.__context__) if cause]
    return "\n".join(shown + [everything_in(cause) for cause in causes])
