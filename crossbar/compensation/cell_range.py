"""The conductances that cells can have at the time for which they are programmed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices import AbstractDrift, Device
from devices.arithmetic import interpolate

_KNOTS = 65
_DRAWS = 256


@dataclass(frozen=True, kw_only=True)
class CellRange:
    """Conductances within reach, as they are read at one time; between them and those programmed lies the mean drift."""

    low: float
    """Lowest [S]."""
    high: float
    """Highest [S]."""
    programmed: tuple[float, ...]
    """Conductances asked for, rising [S]; empty where nothing moves."""
    read: tuple[float, ...]
    """Their means when they are read [S]."""
    floor: float
    """Lowest conductance that can be asked for [S]."""
    step: float
    """Distance of the levels that can be asked for [S]; 0 where they are continuous."""

    def limit(self, wanted: Tensor) -> Tensor:
        """Return the nearest conductance within reach, levels left aside."""
        return wanted.clamp(self.low, self.high)

    def round(self, wanted: Tensor, shift: float | Tensor = 0.0) -> Tensor:
        """Return the nearest level within reach of conductances `wanted` that are moved by `shift` levels."""
        if not self.step:
            return self.limit(wanted)
        level = (self.asked(self.limit(wanted)) - self.floor).div_(self.step).add_(shift).round_()
        top = round((self.ceiling - self.floor) / self.step)
        return self.means(level.clamp_(0, top).mul_(self.step).add_(self.floor))

    @property
    def ceiling(self) -> float:
        """Highest conductance that can be asked for [S]."""
        return self.programmed[-1] if self.programmed else self.high

    def asked(self, read: Tensor) -> Tensor:
        """Return what has to be programmed for the mean conductances `read`."""
        return interpolate(read, self.read, self.programmed) if self.programmed else read

    def means(self, asked: Tensor) -> Tensor:
        """Return the mean conductances that are read where `asked` was programmed."""
        return interpolate(asked, self.programmed, self.read) if self.programmed else asked


def cell_range(device: Device, time: float) -> CellRange:
    """Return what cells of a device can be at `time` seconds since programming.

    Raises
    ------
    ValueError
        If the mean drift until then maps the window to nothing that rises with what is programmed.
    """
    step = 0.0 if device.levels is None else device.window.span / (device.levels - 1)
    if device.drift is None or time == 0:
        return CellRange(low=device.g_min, high=device.g_max, programmed=(), read=(), floor=device.g_min, step=step)
    asked = torch.linspace(device.g_min, device.g_max, _KNOTS, dtype=torch.float64)
    read = torch.stack([_mean_at(device, device.drift, conductance, time) for conductance in asked])
    if not bool((read.diff() > 0).all()):
        raise ValueError(
            f"`compensation.time` must leave conductances that rise with what is programmed. After {time:g} s of the "
            f"mean drift of {device.label} the window ends at {float(read[0]):g} and {float(read[-1]):g} S. Compensate "
            "for an earlier time."
        )
    return CellRange(
        low=float(read[0]),
        high=float(read[-1]),
        programmed=tuple(asked.tolist()),
        read=tuple(read.tolist()),
        floor=device.g_min,
        step=step,
    )


def _mean_at(device: Device, drift: AbstractDrift, asked: Tensor, time: float) -> Tensor:
    """Return the mean of cells programmed to one conductance, over the same draws for every one of them [S]."""
    many = asked.expand(_DRAWS)
    state = drift.draw(many, device.window, generator=torch.Generator().manual_seed(0))
    return drift.apply(many, target=many, state=state, t=time, window=device.window).mean()
