"""Calibration steps of a study, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from calibration import (
    adapt_batchnorm,
    calibrate_adc_ranges,
    calibrate_input_ranges,
    compensate_drift,
    finetune_batchnorm,
    fit_output_affine,
)
from crossbar.examples import Split

Step = Callable[[nn.Module, nn.Module, Split, int], object]
"""Calibrates a programmed model (first) in place, given the digital one, training images and the size of a batch."""

STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "calibrate_input_ranges": lambda model, digital, data, size: calibrate_input_ranges(model, data.batches(size)),
        "calibrate_adc_ranges": lambda model, digital, data, size: calibrate_adc_ranges(model, data.batches(size)),
        "compensate_drift": lambda model, digital, data, size: compensate_drift(model),
        "compensate_drift_per_column": lambda model, digital, data, size: compensate_drift(model, granularity="column"),
        "adapt_batchnorm": lambda model, digital, data, size: adapt_batchnorm(model, data.batches(size)),
        "finetune_batchnorm": lambda model, digital, data, size: finetune_batchnorm(model, list(data.batches(size))),
        "fit_output_affine": lambda model, digital, data, size: fit_output_affine(model, digital, data.batches(size)),
    }
)
"""Steps by name: the functions of `calibration`."""


def parse_steps(text: str) -> tuple[str, ...]:
    """Return the names in `"compensate_drift + adapt_batchnorm"`; `"none"` is no step.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    names = () if text.strip() == "none" else tuple(name.strip() for name in text.split("+"))
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        got = ", ".join(map(repr, unknown))
        raise ValueError(f"must be none, or names joined by +, of {', '.join(STEPS)}. Got {got}.")
    return names
