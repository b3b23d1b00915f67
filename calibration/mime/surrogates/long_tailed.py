"""A steep centre on a long, flat tail."""

from dataclasses import dataclass

import torch
from torch import Tensor

from calibration.mime.surrogates.base import AbstractSurrogate
from devices.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class LongTailedSurrogate(AbstractSurrogate):
    """`2 - 4|u|` up to 0.4, 0.4 up to 1, then 0, with `u` in units of `width`.

    Liu et al., "Dynamic sparse training", ICLR 2020.

    Parameters
    ----------
    width
        Distance from the threshold at which the slope ends, in units of the activation.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a width that cannot be."""
        check_positive("width", self.width)

    def slope(self, distance: Tensor) -> Tensor:
        """Return the long-tailed pulse at `distance`."""
        u = distance.abs() / self.width
        tail = torch.where(u <= 1, 0.4, 0.0).to(u.dtype)
        return torch.where(u <= 0.4, 2 - 4 * u, tail) / self.width
