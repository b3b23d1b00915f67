"""The conductance window of a cell."""

from dataclasses import dataclass

from devices.validation import FieldValueError, check_nonnegative


@dataclass(frozen=True, kw_only=True)
class Window:
    """The conductances a cell can be programmed to: from `g_min` (high resistance) to `g_max` (low resistance).

    Parameters
    ----------
    g_min
        Lowest programmable conductance [S].
    g_max
        Highest programmable conductance [S].
    """

    g_min: float
    g_max: float

    def __post_init__(self) -> None:
        """Refuse a window that is empty or negative."""
        check_nonnegative("g_min", self.g_min, hint="Conductances are in siemens.")
        check_nonnegative("g_max", self.g_max, hint="Conductances are in siemens.")
        if self.g_min >= self.g_max:
            raise FieldValueError(
                f"`g_max` must be > `g_min`. Got g_min={self.g_min!r}, g_max={self.g_max!r}.", "g_max"
            )

    @property
    def span(self) -> float:
        """Width of the window, `g_max - g_min` [S]."""
        return self.g_max - self.g_min
