"""A device from measurements of it."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np
import xarray as xr

from devices.arguments import checked
from devices.caller_warning import warn_caller
from devices.device import Device
from devices.fitting.drift import fit_drift
from devices.fitting.fitted_effect import FittedEffect
from devices.fitting.measurements import Columns, Measurements, read_measurements
from devices.fitting.programming import fit_programming
from devices.fitting.read_noise import fit_read_noise
from devices.validation import check_integer
from devices.validity import ValidityRange
from devices.window import Window

_SMALLEST_P_VALUE = 1e-4


class PoorFitWarning(UserWarning):
    """Measurements that a fitted effect does not describe."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """A fitted device and how much to believe of it.

    Parameters
    ----------
    device
        The device.
    parameters
        `value` and `standard_error` of each parameter, in `unit`.
    goodness
        `p_value`, `reduced_chi_squared` and number of residuals of each effect.
    measurements
        What it was fitted to.
    """

    device: Device
    parameters: xr.Dataset
    goodness: xr.Dataset
    measurements: Measurements

    def __repr__(self) -> str:
        """Say what was found, and how well each effect describes the data."""
        goodness = ", ".join(f"{name} p = {float(p):.2g}" for name, p in self.goodness.p_value.to_series().items())
        return f"Fit({self.device!r}; {goodness})"


@checked
def fit(
    data: xr.Dataset | Columns | str | os.PathLike[str],
    *,
    unit: str | None = None,
    degree: int = 2,
    g_min: float | None = None,
    g_max: float | None = None,
    name: str = "fitted device",
    source: str = "own measurements",
) -> Fit:
    """Fit programming error, read noise and drift to measured conductances, by maximum likelihood.

    Parameters
    ----------
    data
        An xarray Dataset, a pandas DataFrame or a CSV file with target conductance, measured conductance and time since
        programming; see `devices.fitting.read_measurements`. Programming error comes from each cell's earliest reads;
        read noise from reads repeated on a cell at one time, and drift from cells followed over time, where there are
        any.
    unit
        Unit of the conductances: "S", "mS", "uS" or "nS". Default: the `units` attribute, else "S".
    degree
        Degree of the polynomial in the target that the standard deviation of programming follows.
    g_min, g_max
        Window of the device [S]. Default: the lowest and highest target.
    name, source
        What the device says of itself.

    Returns
    -------
    Fit
        With `.device`, `.parameters` (standard errors) and `.goodness`.

    Raises
    ------
    TypeError
        If `data` is none of these.
    ValueError
        If the data are too few or contradictory; the message says what is missing.

    Warns
    -----
    PoorFitWarning
        If an effect does not describe the data, in its distribution or in its form (p < 1e-4).
    """
    check_integer("degree", degree, at_least=0, at_most=5)
    measurements = read_measurements(data, unit=unit)
    read_noise = fit_read_noise(measurements)
    noise = None if read_noise is None else read_noise.effect
    programming = fit_programming(measurements, noise, degree=degree)
    drift = fit_drift(measurements, noise)
    fitted = {"programming": programming, "read_noise": read_noise, "drift": drift}
    found: dict[str, FittedEffect[object]] = {effect: result for effect, result in fitted.items() if result is not None}
    window = _window(measurements, g_min, g_max)
    device = Device(
        g_min=window.g_min,
        g_max=window.g_max,
        programming=programming.effect,
        read_noise=noise,
        drift=None if drift is None else drift.effect,
        validity=_validity(measurements),
        name=name,
        source=source,
    )
    for effect, result in found.items():
        _warn_of_poor_fit(effect, result)
    return Fit(device=device, parameters=_parameters(found), goodness=_goodness(found), measurements=measurements)


def _warn_of_poor_fit(effect: str, result: FittedEffect[object]) -> None:
    if result.p_value < _SMALLEST_P_VALUE:
        warn_caller(
            f"The fitted {effect} does not describe the data (p = {result.p_value:.1e}); look at plot_fit.",
            PoorFitWarning,
        )


def _window(measurements: Measurements, g_min: float | None, g_max: float | None) -> Window:
    low, high = float(measurements.target.min()), float(measurements.target.max())
    if low == high and (g_min is None or g_max is None):
        raise ValueError(f"`g_min` and `g_max` must be given where all cells have one target. Got {low:.4g} S only.")
    return Window(g_min=low if g_min is None else g_min, g_max=high if g_max is None else g_max)


def _validity(measurements: Measurements) -> ValidityRange:
    return ValidityRange(
        g_min=float(measurements.target.min()),
        g_max=float(measurements.target.max()),
        max_time=float(measurements.time.max()) or None,
    )


def _parameters(found: Mapping[str, FittedEffect[object]]) -> xr.Dataset:
    rows = [row for result in found.values() for row in result.parameters]
    names, values, errors, units = zip(*rows, strict=True) if rows else ((), (), (), ())
    return xr.Dataset(
        {
            "value": ("parameter", np.array(values, dtype=float)),
            "standard_error": ("parameter", np.array(errors, dtype=float)),
            "unit": ("parameter", np.array(units, dtype=str)),
        },
        {"parameter": np.array(names, dtype=str)},
    )


def _goodness(found: Mapping[str, FittedEffect[object]]) -> xr.Dataset:
    return xr.Dataset(
        {
            "p_value": ("effect", [result.p_value for result in found.values()]),
            "reduced_chi_squared": ("effect", [result.reduced_chi_squared for result in found.values()]),
            "number": ("effect", [result.number for result in found.values()]),
        },
        {"effect": list(found)},
    )
