"""Samples as columns: the shape in which reading hands them on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SampleColumns:
    """Columns of equal length: epoch milliseconds, strictly ascending, and values."""

    time_ms: Times
    value: Values

    def __len__(self) -> int:
        return len(self.time_ms)
