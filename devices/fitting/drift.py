"""Drift from cells followed over time."""

import numpy as np
from scipy import stats

from devices.drift import PowerLawDrift
from devices.fitting.fitted_effect import FEWEST_CELLS, FittedEffect
from devices.fitting.likelihood import maximise_likelihood
from devices.fitting.measurements import Array, Measurements
from devices.read_noise import AffineReadNoise


def fit_drift(data: Measurements, read_noise: AffineReadNoise | None) -> FittedEffect[PowerLawDrift] | None:
    """Return a power law with its spread from cell to cell; None if every cell was measured at one time only.

    Each cell's exponent is the slope of `ln G` against `ln t`; what the read noise leaves in a slope is taken out of
    the spread of the exponents.

    Raises
    ------
    ValueError
        If a conductance is 0, too few cells were followed, or neither repeated reads nor a third time tell drift from
        read noise.
    """
    t0 = float(data.time[data.first].max())
    t0 = t0 if t0 > 0 else 1.0
    followed = np.bincount(data.cell)
    if followed.max() < 2 or (data.time <= t0).all():
        return None
    if (data.mean <= 0).any():
        raise ValueError("A power law needs conductances > 0. Got cells that were measured at 0 S; leave them out.")
    slopes, leverage, residual, freedom = _slopes(data, np.log(np.maximum(data.time, t0) / t0))
    if len(slopes) < FEWEST_CELLS:
        raise ValueError(
            f"Drift needs at least {FEWEST_CELLS} cells measured at two times or more. Got {len(slopes)}; check that "
            "`cell` says which reads belong to the same cell."
        )
    if read_noise is not None:
        noise = float((((read_noise.slope + read_noise.offset / data.mean) ** 2) / data.reads).mean())
    elif freedom > 0:
        noise = residual / freedom
    else:
        raise ValueError(
            "Drift cannot be told from read noise with two times and one read each. Got no third time and no repeated "
            "reads: measure either."
        )
    start = np.array([slopes.mean(), max(slopes.std(), 1e-4)])

    def negative_log_likelihood(x: Array) -> float:
        """Return what the fit minimises over mean and spread of the exponent."""
        spread = x[1] ** 2 + noise / leverage + 1e-16
        return float((0.5 * np.log(spread) + (slopes - x[0]) ** 2 / (2 * spread)).sum())

    estimate = maximise_likelihood(negative_log_likelihood, start, "drift")
    nu, nu_spread = float(estimate.values[0]), float(abs(estimate.values[1]))
    standardised = (slopes - nu) / np.sqrt(nu_spread**2 + noise / leverage + 1e-16)
    errors = estimate.standard_errors
    return FittedEffect(
        effect=PowerLawDrift(nu=nu, nu_spread=nu_spread, t0=t0),
        parameters=(
            ("drift.nu", nu, float(errors[0]), "1"),
            ("drift.nu_spread", nu_spread, float(errors[1]), "1"),
        ),
        p_value=float(stats.kstest(standardised, "norm").pvalue),
        # How far ln G lies from straight lines in ln t, in units of the read noise: other laws than a power stand out.
        reduced_chi_squared=float(residual / freedom / noise) if freedom > 0 else float((standardised**2).mean()),
        number=len(slopes),
    )


def _slopes(data: Measurements, elapsed: Array) -> tuple[Array, Array, float, int]:
    """Return each followed cell's exponent and sum of squares of `elapsed`; all residual squares and their freedom."""
    count = np.bincount(data.cell)

    def per_cell(values: Array) -> Array:
        """Spread one value per cell over its measurements."""
        return np.asarray(np.bincount(data.cell, values))

    y = np.log(data.mean)
    x = elapsed - (per_cell(elapsed) / count)[data.cell]
    y = y - (per_cell(y) / count)[data.cell]
    leverage, product = per_cell(x**2), per_cell(x * y)
    usable = (count > 1) & (leverage > 0)
    slope = np.divide(product, leverage, out=np.zeros_like(product), where=usable)
    residual = per_cell((y - slope[data.cell] * x) ** 2)[usable].sum()
    return -slope[usable], leverage[usable], float(residual), int((count[usable] - 2).sum())
