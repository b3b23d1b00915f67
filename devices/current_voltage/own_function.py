"""A user's own law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from devices.current_voltage.base import AbstractCurrentVoltage
from devices.validation import FieldTypeError

Law = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True, kw_only=True)
class OwnFunction(AbstractCurrentVoltage):
    """A law given as two functions of `(voltage, conductance)`.

    Functions do not travel as JSON: use it in a solver call, not in a config that is to be saved.

    Parameters
    ----------
    law
        Current [A] at a voltage [V] for a conductance [S]; elementwise, 0 at 0 V, never falling with voltage.
    derivative
        Derivative of the current with respect to the voltage [S].
    """

    law: Law
    derivative: Law

    def __post_init__(self) -> None:
        """Refuse what cannot be called."""
        for name in ("law", "derivative"):
            if not callable(getattr(self, name)):
                raise FieldTypeError(f"`{name}` must be a function. Got {getattr(self, name)!r}.", name)

    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return what the user's law says [A]."""
        return self.law(voltage, conductance)

    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return what the user's derivative says [S]."""
        return self.derivative(voltage, conductance)
