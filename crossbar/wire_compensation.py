"""How conductances are chosen so that the arrays do, behind their wires, what the weights say."""

from dataclasses import dataclass

from devices import Wires
from devices.display import html_table, short_repr
from devices.validation import (
    FieldValueError,
    check_boolean,
    check_finite,
    check_instance,
    check_integer,
    check_nonnegative,
)


@dataclass(frozen=True, kw_only=True)
class WireCompensation:
    """Program targets for which the transfer matrix, not the conductances, is proportional to the weights.

    `T+ - T- = s D` for the wanted differences of conductance `D` and one number `s` per layer, whose inverse goes into
    the digital scale. It needs the wires and the device, no data.

    Parameters
    ----------
    scale
        Signal `s` that is kept, in (0, 1]; None: per layer the one with the smallest expected error.
    wires
        Wires that are assumed when targets are computed; None: those of the arrays.
    time
        Time since programming at which it shall hold, by the mean drift of the device [s].
    error_feedback
        Where cells have levels, let less significant cells take up what the rounding of the others leaves over.
    known_faults
        Take stuck cells as known: their partners and less significant cells take up their error.
    faults_corrected
        What stuck cells still keep from their weights is added digitally afterwards (`crossbar.correct_stuck_cells`),
        and does not count when the scale is chosen.
    tolerance
        Error of the transfer matrices at which an array is done, rms, relative to the signal.
    max_solutions
        Transfer matrices computed per array at the most.
    """

    scale: float | None = None
    wires: Wires | None = None
    time: float = 0.0
    error_feedback: bool = True
    known_faults: bool = True
    faults_corrected: bool = False
    tolerance: float = 1e-3
    max_solutions: int = 12

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.scale is not None:
            check_finite("scale", self.scale)
            if not 0 < self.scale <= 1:
                raise FieldValueError(
                    f"`scale` must lie in (0, 1]. Got {self.scale!r}. Use None to have it chosen.", "scale"
                )
        check_instance("wires", self.wires, Wires, optional=True)
        check_nonnegative("time", self.time, hint="It is in seconds since programming.")
        check_boolean("error_feedback", self.error_feedback)
        check_boolean("known_faults", self.known_faults)
        check_boolean("faults_corrected", self.faults_corrected)
        check_finite("tolerance", self.tolerance)
        if not 0 < self.tolerance < 1:
            raise FieldValueError(
                f"`tolerance` must lie in (0, 1). Got {self.tolerance!r}. It is relative to the signal.", "tolerance"
            )
        check_integer("max_solutions", self.max_solutions, at_least=1)
