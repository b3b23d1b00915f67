"""The same value everywhere."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.validation import check_finite


@dataclass(frozen=True, kw_only=True)
class Constant(AbstractCurve):
    """`value`.

    Parameters
    ----------
    value
        The value.
    """

    value: float

    def __post_init__(self) -> None:
        """Refuse what is not a number."""
        check_finite("value", self.value)

    def __call__(self, x: Tensor) -> Tensor:
        """Return `value` in the shape of `x`."""
        return torch.full_like(x, self.value)
