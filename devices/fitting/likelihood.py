"""Maximum likelihood, with standard errors from the curvature."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import optimize

from devices.fitting.measurements import Array


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """Parameters that make the data most likely."""

    values: Array
    """The parameters."""
    standard_errors: Array
    """Their standard errors, from the inverse of the observed information; NaN where the data leave them open."""


def maximise_likelihood(negative_log_likelihood: Callable[[Array], float], start: Array, what: str) -> Estimate:
    """Minimise from `start`, whose entries should be of the order of the answer.

    Raises
    ------
    ValueError
        If no minimum is found: the data contradict the model or leave it open.
    """
    scale = np.maximum(np.abs(start), 0.05 * np.abs(start).max())

    def scaled(x: Array) -> float:
        """Return the objective in units of the starting point."""
        return negative_log_likelihood(x * scale)

    # Twice: a simplex that has collapsed on a ridge finds its way on from a fresh one.
    result = _search(scaled, _search(scaled, start / scale).x)
    if not np.isfinite(result.fun) or not result.success:
        raise ValueError(f"The {what} could not be fitted: {result.message} Measure more conductances or more cells.")
    information = _hessian(scaled, result.x)
    errors = np.full(len(start), np.nan)
    if np.isfinite(information).all() and np.linalg.matrix_rank(information) == len(start):
        variances = np.diag(np.linalg.inv(information))
        errors = np.where(variances > 0, np.sqrt(np.abs(variances)), np.nan) * scale
    return Estimate(values=result.x * scale, standard_errors=errors)


def _search(function: Callable[[Array], float], start: Array) -> optimize.OptimizeResult:
    return optimize.minimize(
        function, start, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-8}
    )


def _hessian(function: Callable[[Array], float], x: Array, step: float = 1e-3) -> Array:
    """Return the matrix of second derivatives by central differences."""
    size = len(x)
    steps = np.eye(size) * step * np.maximum(np.abs(x), 0.1)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [
                sign_i * sign_j * function(x + sign_i * steps[i] + sign_j * steps[j])
                for sign_i in (1, -1)
                for sign_j in (1, -1)
            ]
            hessian[i, j] = sum(corners) / (4 * steps[i, i] * steps[j, j])
    return hessian
