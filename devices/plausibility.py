"""Numbers that can be, but were most likely meant in another unit."""

from devices.caller_warning import warn_caller

LARGEST_CONDUCTANCE = 0.1
"""No memory cell conducts more than this [S]; a larger number is in another unit."""


class ImplausibleValueWarning(UserWarning):
    """A number that is possible, but most likely meant in another unit."""


def warn_ratio(name: str, value: float) -> None:
    """Warn where `value`, a spread or share relative to something, is more than all of it."""
    _warn_outside(name, value, -1.0, 1.0, "is a ratio", "0 to 0.5", "A percentage is to be divided by 100.")


def warn_conductance(name: str, value: float) -> None:
    """Warn where no memory cell has a conductance of `value` [S]."""
    _warn_outside(name, value, 0.0, LARGEST_CONDUCTANCE, "is in siemens", "1e-9 to 1e-3 S", "20 uS is written 20e-6.")


def warn_resistance(name: str, value: float, *, largest: float, usual: str) -> None:
    """Warn where `value` [ohm] exceeds `largest`."""
    _warn_outside(name, value, 0.0, largest, "is in ohm", usual, "")


def warn_voltage(name: str, value: float) -> None:
    """Warn where nobody reads a cell at `value` [V]."""
    _warn_outside(name, value, 0.0, 10.0, "is in volts", "0.05 to 1 V", "200 mV is written 0.2.")


def warn_temperature(name: str, value: float) -> None:
    """Warn where `value` [K] looks like degrees Celsius or Fahrenheit."""
    _warn_outside(name, value, 200.0, 700.0, "is in kelvin", "250 to 500 K", "85 degrees Celsius are 358 K.")


def warn_activation_energy(name: str, value: float) -> None:
    """Warn where `value` [eV] is more than a bond holds."""
    _warn_outside(name, value, -10.0, 10.0, "is in electronvolts", "0.1 to 2 eV", "1 eV is 96.5 kJ/mol.")


def _warn_outside(name: str, value: float, low: float, high: float, unit: str, usual: str, hint: str) -> None:
    if low <= value <= high:
        return
    warn_caller(f"`{name}` {unit}, usually {usual}. Got {value!r}. {hint}".rstrip(), ImplausibleValueWarning)
