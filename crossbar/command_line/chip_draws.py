"""Whether chips differ from one another."""

import torch

from crossbar.config import CrossbarConfig
from devices import ExactProgramming


def chips_differ(config: CrossbarConfig) -> bool:
    """Return whether two chips of one technology, or two reads of one chip, can differ: whether anything is drawn."""
    device = config.device
    drift_draws = False
    if device.drift is not None:
        target = torch.tensor([device.g_min, device.g_max])
        drift_draws = device.drift.draw(target, device.window, generator=torch.Generator()) is not None
    return (
        not isinstance(device.programming, ExactProgramming)
        or device.read_noise is not None
        or device.stuck is not None
        or drift_draws
        or (config.adc is not None and config.adc.has_errors)
    )
