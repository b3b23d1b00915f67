"""An exponential approach to a limit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.validation import check_nonnegative, check_positive


@dataclass(frozen=True, kw_only=True)
class Saturation(AbstractCurve):
    """`limit (1 - exp(-x / scale))`.

    Parameters
    ----------
    limit
        Value far above `scale`.
    scale
        Argument at which 63 % of the limit is reached.
    """

    limit: float
    scale: float

    def __post_init__(self) -> None:
        """Refuse a scale that cannot be."""
        check_nonnegative("limit", self.limit)
        check_positive("scale", self.scale)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the saturating curve at `x`."""
        return -self.limit * torch.expm1(-x / self.scale)
