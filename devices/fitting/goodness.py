"""How probable the data are under a fitted law."""

import numpy as np
from scipy import stats

from devices.fitting.measurements import Array

_GROUPS = 8
_FEWEST_IN_GROUP = 8


def goodness_of_fit(shape: float, residuals: Array, against: Array) -> float:
    """Return the probability of data at least this far from a law, in their distribution or in their form.

    A law of the wrong form can leave residuals that look normal as a whole (too small a spread at one end makes up for
    too large a one at the other). So it is also asked whether they are the same at all arguments: the rank test of
    Kruskal and Wallis over up to eight groups of the argument, which every continuous distribution obeys. Both
    questions count (Bonferroni).

    Parameters
    ----------
    shape
        p-value of the distribution of all residuals.
    residuals
        What must not depend on the argument, (samples,): for a spread, the magnitude of standardised residuals.
    against
        The argument of the law, (samples,).
    """
    edges = np.unique(np.quantile(against, np.linspace(0, 1, _GROUPS + 1)))
    group = np.searchsorted(edges[1:-1], against, side="right")
    parts = [residuals[group == number] for number in range(len(edges))]
    parts = [part for part in parts if len(part) >= _FEWEST_IN_GROUP]
    if len(parts) < 2 or np.ptp(residuals) == 0:
        return shape
    return float(min(1.0, 2 * min(shape, stats.kruskal(*parts).pvalue)))
