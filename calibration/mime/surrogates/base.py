"""What every surrogate gradient can do."""

import abc

from torch import Tensor


class AbstractSurrogate(abc.ABC):
    """A narrow pulse that stands for the derivative of the step `[y >= T]`, which is zero almost everywhere."""

    @abc.abstractmethod
    def slope(self, distance: Tensor) -> Tensor:
        """Return the pulse at `distance = y - T`, >= 0, in the shape of `distance`."""
