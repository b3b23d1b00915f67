"""The technology as training sees it."""

import functools
from dataclasses import replace

from crossbar.config import CrossbarConfig
from devices import ExactProgramming, Wires


@functools.lru_cache(maxsize=256)
def seen_config(config: CrossbarConfig) -> CrossbarConfig:
    """Return the config without what its `training` leaves out of the chip."""
    training, device = config.training, config.device
    device = replace(
        device,
        programming=device.programming if training.programming else ExactProgramming(),
        read_noise=device.read_noise if training.read_noise else None,
        drift=device.drift if training.time > 0 else None,
        stuck=device.stuck if training.stuck_cells == "drawn" else None,
        current_voltage=device.current_voltage if training.current_voltage else None,
        validity=None,
    )
    return replace(
        config,
        device=device,
        wires=config.wires if training.wires else Wires(),
        adc=config.adc if training.adc else None,
        compensation=None,
        plan="auto",
    )


def needs_cells(config: CrossbarConfig) -> bool:
    """Return whether training sees more of the chip than one normal draw per weight can say."""
    seen = seen_config(config)
    return not (
        seen.wires.ideal
        and seen.device.drift is None
        and seen.device.stuck is None
        and not seen.bends_pulses
        and seen.adc is None
        and config.training.stuck_cells != "chip"
    )


def left_out(config: CrossbarConfig) -> tuple[str, ...]:
    """Return what the chip has and `train()` leaves out, in words."""
    training, device = config.training, config.device
    present = {
        "programming error": not (training.programming or isinstance(device.programming, ExactProgramming)),
        "read noise": device.read_noise is not None and not training.read_noise,
        "stuck cells": device.stuck is not None and training.stuck_cells == "none",
        "drift": device.drift is not None and training.time == 0,
        "wires": not (config.wires.ideal or training.wires),
        "current-voltage curve": config.bends_pulses and not training.current_voltage,
        "ADC": config.adc is not None and not training.adc,
    }
    return tuple(name for name, missing in present.items() if missing)
