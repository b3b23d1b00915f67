"""Read noise from repeated reads."""

import numpy as np
from scipy import stats

from devices.fitting.fitted_effect import FEWEST_CELLS, FittedEffect
from devices.fitting.goodness import goodness_of_fit
from devices.fitting.likelihood import maximise_likelihood
from devices.fitting.measurements import Array, Measurements
from devices.read_noise import AffineReadNoise


def fit_read_noise(data: Measurements) -> FittedEffect[AffineReadNoise] | None:
    """Return read noise `sigma = slope G + offset` from the scatter of repeated reads; None without any.

    The variance of n reads is `sigma^2 chi^2_(n-1) / (n - 1)`, which is the likelihood.

    Raises
    ------
    ValueError
        If reads are repeated, but too rarely.
    """
    # A cell that is off reads 0 each time: it is cut off there, and tells nothing of noise that grows with conductance.
    repeated = (data.reads > 1) & ((data.mean != 0) | (data.variance != 0))
    if not repeated.any():
        return None
    freedom, variance, g = data.reads[repeated] - 1.0, data.variance[repeated], data.mean[repeated]
    if freedom.sum() < FEWEST_CELLS:
        raise ValueError(
            f"Read noise needs at least {FEWEST_CELLS} repeated reads in all. Got {int(freedom.sum())}: read more "
            "often, or keep one read of each cell and time."
        )
    pooled = float(np.sqrt((freedom * variance).sum() / freedom.sum()))
    if pooled == 0:
        return None
    scale = float(g.max())
    start = np.array([pooled / scale / 2, pooled / scale / 2])

    def negative_log_likelihood(x: Array) -> float:
        """Return what the fit minimises."""
        sigma = np.abs(x[0]) * g + np.abs(x[1]) * scale
        return float((freedom * (np.log(sigma / scale) + variance / (2 * sigma**2))).sum())

    estimate = maximise_likelihood(negative_log_likelihood, start, "read noise")
    slope, offset = np.abs(estimate.values)
    standardised = freedom * variance / (slope * g + offset * scale) ** 2
    probability = np.asarray(stats.chi2.cdf(standardised, freedom))
    errors = estimate.standard_errors
    return FittedEffect(
        effect=AffineReadNoise(slope=float(slope), offset=float(offset * scale)),
        parameters=(
            ("read_noise.slope", float(slope), float(errors[0]), "1"),
            ("read_noise.offset", float(offset * scale), float(errors[1] * scale), "S"),
        ),
        p_value=goodness_of_fit(float(stats.kstest(probability, "uniform").pvalue), probability, g),
        reduced_chi_squared=float(standardised.sum() / freedom.sum()),
        number=int(repeated.sum()),
    )
