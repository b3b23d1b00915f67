"""Where the numbers of a device were measured."""

from dataclasses import dataclass

from devices.caller_warning import warn_caller
from devices.validation import check_nonnegative, check_positive


class OutOfRangeWarning(UserWarning):
    """A device is used where its source has no data."""


@dataclass(frozen=True, kw_only=True)
class ValidityRange:
    """The conductances, times and voltages that the source of a device covers; None where it sets no bound.

    Parameters
    ----------
    g_min
        Lowest conductance measured [S].
    g_max
        Highest conductance measured [S].
    max_time
        Longest time since programming measured [s].
    max_read_voltage
        Highest read voltage measured [V].
    """

    g_min: float = 0.0
    g_max: float | None = None
    max_time: float | None = None
    max_read_voltage: float | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that cannot be."""
        check_nonnegative("g_min", self.g_min)
        for name in ("g_max", "max_time", "max_read_voltage"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), hint="Use None for no bound.")


def warn_conductances(validity: ValidityRange | None, device: str, *, low: float, high: float) -> None:
    """Warn with `OutOfRangeWarning` where conductances from `low` to `high` [S] leave those measured."""
    if validity is None:
        return
    top = float("inf") if validity.g_max is None else validity.g_max
    # Float32 siemens carry 7 digits; a target that equals a bound must not trip over the last of them.
    if low < validity.g_min * (1 - 1e-5) or high > top * (1 + 1e-5):
        _warn(f"{device} was measured from {validity.g_min:.4g} to {top:.4g} S. Got {low:.4g} to {high:.4g} S.")


def warn_time(validity: ValidityRange | None, device: str, t: float) -> None:
    """Warn with `OutOfRangeWarning` where `t` seconds since programming are more than was measured."""
    if validity is not None and validity.max_time is not None and t > validity.max_time:
        _warn(f"{device} was measured up to {validity.max_time:.4g} s after programming. Got {t:.4g} s.")


def warn_read_voltage(validity: ValidityRange | None, device: str, read_voltage: float) -> None:
    """Warn with `OutOfRangeWarning` where a cell is read at more volts than was measured."""
    limit = None if validity is None else validity.max_read_voltage
    if limit is not None and abs(read_voltage) > limit * (1 + 1e-9):
        _warn(f"{device} was measured up to {limit:.4g} V. Got a read voltage of {read_voltage:.4g} V.")


def _warn(message: str) -> None:
    warn_caller(message, OutOfRangeWarning)
