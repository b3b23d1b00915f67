"""What a fit of one effect returns."""

import dataclasses
from typing import Generic, TypeVar

Effect = TypeVar("Effect", covariant=True)

FEWEST_CELLS = 20
"""Fewer samples than this say nothing about a spread."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FittedEffect(Generic[Effect]):
    """An effect, its parameters with standard errors, and how well it describes the data."""

    effect: Effect
    """The effect."""
    parameters: tuple[tuple[str, float, float, str], ...]
    """Name, value, standard error and unit of each parameter."""
    p_value: float
    """Probability of data at least this far from the model (Kolmogorov-Smirnov or chi-squared test)."""
    reduced_chi_squared: float
    """Mean square of the standardised residuals; 1 for a good model."""
    number: int
    """Number of residuals."""
