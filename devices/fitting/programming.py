"""Programming error from the earliest reads."""

import numpy as np
from scipy import stats

from devices.fitting.fitted_effect import FEWEST_CELLS, FittedEffect
from devices.fitting.goodness import goodness_of_fit
from devices.fitting.likelihood import maximise_likelihood
from devices.fitting.measurements import Array, Measurements
from devices.programming import AbstractProgrammingError, ExactProgramming, PolynomialProgramming
from devices.read_noise import AffineReadNoise


def fit_programming(
    data: Measurements, read_noise: AffineReadNoise | None, *, degree: int
) -> FittedEffect[AbstractProgrammingError]:
    """Return a programming error with `sigma` a polynomial in `target / max(target)`, from the earliest reads.

    What read noise leaves in the mean of the reads is taken out of it.

    Raises
    ------
    ValueError
        If there are too few cells, or too few targets for the degree.
    """
    first = data.first
    target, error = data.target[first], (data.mean - data.target)[first]
    targets = len(np.unique(target))
    if len(target) < FEWEST_CELLS:
        raise ValueError(f"Programming error needs at least {FEWEST_CELLS} cells. Got {len(target)}.")
    if targets <= degree:
        raise ValueError(
            f"`degree` {degree} needs at least {degree + 1} different targets. Got {targets}: measure more of them or "
            f"pass `degree={targets - 1}`."
        )
    reference = float(target.max())
    if float(np.abs(error).max()) <= 1e-9 * reference:
        return FittedEffect(
            effect=ExactProgramming(), parameters=(), p_value=1.0, reduced_chi_squared=1.0, number=len(error)
        )
    noise = np.zeros_like(target)
    if read_noise is not None:
        noise = (read_noise.slope * data.mean[first] + read_noise.offset) ** 2 / data.reads[first]
    powers = (target / reference)[:, None] ** np.arange(degree + 1)
    unit = float(np.sqrt((error**2).mean()))

    def variance(x: Array) -> Array:
        """Return the variance that the parameters give each measurement."""
        return np.asarray(np.maximum(powers @ x, 0) ** 2 + noise / unit**2 + 1e-12)

    def negative_log_likelihood(x: Array) -> float:
        """Return what the fit minimises."""
        spread = variance(x)
        return float((0.5 * np.log(spread) + (error / unit) ** 2 / (2 * spread)).sum())

    start = np.linalg.lstsq(powers, np.sqrt(np.pi / 2) * np.abs(error) / unit, rcond=None)[0]
    estimate = maximise_likelihood(negative_log_likelihood, start, "programming error")
    standardised = error / unit / np.sqrt(variance(estimate.values))
    on = data.mean[first] > 0  # a cell that is off is cut off there, and tells nothing of the spread
    bias, bias_error = float(error.mean()), float(error.std(ddof=1) / np.sqrt(len(error)))
    return FittedEffect(
        effect=PolynomialProgramming(coefficients=tuple(map(float, estimate.values * unit)), reference=reference),
        parameters=(
            *(
                (f"programming.coefficient_{power}", float(value * unit), float(spread * unit), "S")
                for power, (value, spread) in enumerate(zip(estimate.values, estimate.standard_errors, strict=True))
            ),
            ("programming.bias", bias, bias_error, "S"),
        ),
        p_value=goodness_of_fit(float(stats.kstest(standardised, "norm").pvalue), np.abs(standardised)[on], target[on]),
        reduced_chi_squared=float((standardised**2).mean()),
        number=len(error),
    )
