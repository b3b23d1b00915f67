"""Which of the read plans a layer uses, and why."""

from dataclasses import dataclass
from typing import Literal

from crossbar.config import CrossbarConfig
from devices import ExactProgramming

_BYTE = 127
"""Largest number of either sign that one byte holds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a layer is read.

    Parameters
    ----------
    kind
        One effective weight, or tile by tile: in integers, in floating point, by solving the circuit of every pulse, or
        that of every pulse's own draw of the cells.
    reason
        Why this plan was chosen.
    """

    kind: Literal["circuit", "collapsed", "integer", "sampled", "tiled"]
    reason: str


def choose_plan(config: CrossbarConfig, *, groups: int = 1) -> Plan:
    """Choose the collapsed plan wherever it gives the numbers of the tiled one, for a layer of so many groups."""
    if config.plan != "auto":
        return Plan(kind=config.plan, reason=f"the config asks for plan={config.plan!r}")
    if config.adc is None and config.shifted_rows_see_fresh_noise:
        return Plan(kind="tiled", reason="the fresh read noise of a shifted row depends on how its pulses fall")
    if config.adc is None and config.references_see_fresh_noise:
        return Plan(kind="tiled", reason="the fresh read noise of a reference column is common to its bit lines")
    if config.adc is None and groups > 1 and config.idle_cells_see_fresh_noise:
        return Plan(kind="tiled", reason="the fresh read noise of idle cells joins the groups of an array")
    if config.adc is None:
        return Plan(kind="collapsed", reason="without an ADC everything after the array is linear")
    reason = f"a {config.adc.bits}-bit ADC converts every tile and cycle by itself"
    obstacle = _obstacle_to_integers(config)
    if obstacle is None:
        return Plan(kind="integer", reason=f"{reason}, and cells exactly on their levels give sums of whole numbers")
    return Plan(kind="tiled", reason=f"{reason}, not in integers of one byte because of {obstacle}")


def _obstacle_to_integers(config: CrossbarConfig) -> str | None:
    """Return what keeps currents from being sums of products of bytes, or None."""
    device, adc = config.device, config.adc
    exact = isinstance(device.programming, ExactProgramming)
    obstacles = {
        "programming errors": not exact,
        "read noise": device.read_noise is not None,
        "drift": device.drift is not None,
        "cells that are not ohmic": config.bends_pulses,
        "stuck cells": device.stuck is not None,
        "wires": not config.wires.ideal,
        "compensated targets": config.compensation is not None,
        "errors of the converters": adc is not None and adc.has_errors,
        "reference columns": config.mapping.reference_column,
        "sparse bit lines": config.mapping.merge_columns,
        f"cells of {config.mapping.cell_bits} bits": 2**config.mapping.cell_bits - 1 > _BYTE,
        f"pulses of {config.inputs.pulse_bits} bits": 2 ** (config.inputs.pulse_bits or 0) - 1 > _BYTE,
    }
    return next((name for name, present in obstacles.items() if present), None)
