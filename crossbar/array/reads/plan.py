"""Which of the two read plans a layer uses, and why."""

from dataclasses import dataclass
from typing import Literal

from crossbar.config import CrossbarConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a layer is read."""

    kind: Literal["collapsed", "tiled"]
    """One effective weight, or tile by tile."""
    reason: str
    """Why this plan was chosen."""


def choose_plan(config: CrossbarConfig) -> Plan:
    """Choose the collapsed plan wherever it gives the numbers of the tiled one."""
    if config.plan != "auto":
        return Plan(kind=config.plan, reason=f"the config asks for plan={config.plan!r}")
    if config.adc is None and config.shifted_rows_see_fresh_noise:
        return Plan(kind="tiled", reason="the fresh read noise of a shifted row depends on how its pulses fall")
    if config.adc is None and config.references_see_fresh_noise:
        return Plan(kind="tiled", reason="the fresh read noise of a reference column is common to its bit lines")
    if config.adc is None:
        return Plan(kind="collapsed", reason="without an ADC everything after the array is linear")
    return Plan(kind="tiled", reason=f"a {config.adc.bits}-bit ADC converts every tile and cycle by itself")
