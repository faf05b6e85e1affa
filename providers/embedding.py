"""What comes back from a provider: a reply as parsed, and the verified outcome of a whole call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from providers.errors import ProviderClientError
from providers.usage import Usage

Vector = npt.NDArray[np.float32]
"""Shape (dimension,)."""

Matrix = npt.NDArray[np.float32]
"""Vectors as rows: shape (texts, dimension)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's reply, parsed and not yet verified: a vector for each text, in the order of the texts.

    A raw vector is what the reply held: a list of numbers, or base64 of little-endian float32 values.
    """

    vectors: Sequence[object]
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What became of every text: row i of `vectors` is text i's, or zeros where `refusals` says why it has none."""

    vectors: Matrix
    usage: Usage
    refusals: Mapping[int, ProviderClientError] = field(default_factory=dict)
    requests: int = 0
    """HTTP requests sent, repeated ones included; 0 for a provider inside the process."""

    def vector(self, position: int) -> Vector:
        """The vector of one text. Raises the text's refusal."""
        if position in self.refusals:
            raise self.refusals[position]
        row: Vector = self.vectors[position]
        return row
