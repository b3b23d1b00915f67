"""Corrections: what was fitted to a layer's inputs or chip, one file each, and all of one layer together.

A new correction is one file here and one row of `CORRECTIONS`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from crossbar.array.corrections.base import AbstractCorrection as AbstractCorrection
from crossbar.array.corrections.converter_steps import ConverterSteps as ConverterSteps
from crossbar.array.corrections.drift_factor import DriftFactor as DriftFactor
from crossbar.array.corrections.input_range import InputRange as InputRange
from crossbar.array.corrections.low_rank import LowRankPath as LowRankPath
from crossbar.array.corrections.output_affine import OutputAffine as OutputAffine
from crossbar.array.corrections.stuck_cells import StuckCellPath as StuckCellPath
from crossbar.array.corrections.together import Corrections as Corrections

CORRECTIONS: Mapping[str, type[AbstractCorrection]] = MappingProxyType(
    {
        "static_range": InputRange,
        "adc_steps": ConverterSteps,
        "drift": DriftFactor,
        "output_affine": OutputAffine,
        "low_rank": LowRankPath,
        "stuck_cells": StuckCellPath,
    }
)
"""Corrections of every layer, by the name under which its `array.corrections` holds them."""
