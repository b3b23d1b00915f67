"""Two curves, joined."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.validation import check_finite, check_instance


@dataclass(frozen=True, kw_only=True)
class Piecewise(AbstractCurve):
    """`below(x)` where `x < threshold`, else `above(x)`.

    Parameters
    ----------
    threshold
        First argument of the second curve.
    below
        The curve below the threshold.
    above
        The curve from the threshold on.
    """

    threshold: float
    below: AbstractCurve
    above: AbstractCurve

    def __post_init__(self) -> None:
        """Refuse what is not a number."""
        check_finite("threshold", self.threshold)
        for name in ("below", "above"):
            check_instance(name, getattr(self, name), AbstractCurve)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the joined curve at `x`."""
        return torch.where(x < self.threshold, self.below(x), self.above(x))
