"""What every curve can do."""

import abc

from torch import Tensor

SMALLEST_ARGUMENT = 1e-7
"""Logarithms and powers take smaller arguments for this one, far below any conductance ratio that is measured."""


class AbstractCurve(abc.ABC):
    """A function of one variable, usually `G / reference`."""

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the function of every element of `x`."""
