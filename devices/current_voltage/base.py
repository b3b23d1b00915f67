"""What a law of the current through one cell must answer."""

from abc import ABC, abstractmethod

from torch import Tensor


class AbstractCurrentVoltage(ABC):
    """Current through a cell as a function of the voltage over it and of its small-signal conductance at 0 V."""

    @abstractmethod
    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return the current [A] at `voltage` [V] through cells of `conductance` [S]; 0 at 0 V, never falling."""

    @abstractmethod
    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return the derivative of the current with respect to the voltage [S], >= 0."""

    def shapes(self, voltage: Tensor) -> Tensor | None:
        """Return functions of the voltage of which the current at every conductance is a sum, or None if few are known.

        Parameters
        ----------
        voltage
            Any shape (...) [V].

        Returns
        -------
        Tensor or None
            (functions, ...), each in any unit.
        """
        return None
