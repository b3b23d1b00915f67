"""Programming without error."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.programming.base import AbstractProgrammingError
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class ExactProgramming(AbstractProgrammingError):
    """Every cell gets exactly the conductance asked for."""

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return zeros in the shape of `target`."""
        return torch.zeros_like(target)

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return `target` [S]."""
        return target.clamp(min=0)
