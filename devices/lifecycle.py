"""The life of an array of cells: programmed once, drifting, read."""

import dataclasses
import math

import torch
from torch import Tensor

from devices.arguments import checked
from devices.arithmetic import add_product
from devices.device import Device
from devices.fault_map import FaultMap
from devices.randomness import generator_of, spawn_generators
from devices.read_noise.base import AbstractReadNoise
from devices.validation import check_nonnegative
from devices.validity import warn_conductances, warn_read_voltage, warn_time


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ProgrammedCells:
    """Everything an array of cells carries from one programming to the next, all in the same shape.

    Each cell keeps its own draws; nothing is ever derived from a sum or a difference of cells.

    Parameters
    ----------
    target
        Conductance asked for [S].
    programmed
        Conductance left by programming, faults included [S].
    drift_state
        What the drift drew for each cell, e.g. its exponent.
    read_deviation
        Standard deviates of a read noise that is drawn once per programming.
    stuck
        Boolean: cells that hold `programmed` whatever happens.
    """

    target: Tensor
    programmed: Tensor
    drift_state: Tensor | None = None
    read_deviation: Tensor | None = None
    stuck: Tensor | None = None


@checked
def program_cells(
    device: Device,
    target: Tensor,
    *,
    faults: FaultMap | None = None,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> ProgrammedCells:
    """Program cells of any shape to `target` [S] and draw everything they will carry.

    `faults` are those this chip is known to have, whatever else `device.stuck` draws.

    Each effect draws from a stream of its own, so one generator state, or one `seed` in its place, gives the same faults
    and the same drift whatever the programming error is.

    Raises
    ------
    TypeError
        If `target` is not a floating-point tensor.
    ValueError
        If it has a negative or non-finite conductance, or `faults` another shape.

    Warns
    -----
    OutOfRangeWarning
        If a target other than 0, which stands for an absent cell, lies outside what the device was measured for.
    """
    generator = generator_of(generator, seed)
    _check_target(device, target)
    for_programming, for_stuck, for_drift, for_read = spawn_generators(4, device=target.device, generator=generator)
    window = device.window
    programmed = device.programming.apply(target, window, generator=for_programming)
    held = None if device.stuck is None else device.stuck.draw(target, window, generator=for_stuck)
    if faults is not None:
        known = faults.held(target, window)
        held = known if held is None else torch.where(known.isnan(), held, known)
    stuck = None if held is None else ~held.isnan()
    if held is not None and stuck is not None:
        programmed = torch.where(stuck, held, programmed)
    state = None if device.drift is None else device.drift.draw(target, window, generator=for_drift)
    deviation = None
    if device.read_noise is not None and device.read_noise.draw == "programming":
        deviation = device.read_noise.deviate(target, generator=for_read)
    return ProgrammedCells(
        target=target, programmed=programmed, drift_state=state, read_deviation=deviation, stuck=stuck
    )


@checked
def redraw_drift(
    device: Device, cells: ProgrammedCells, *, generator: torch.Generator | None = None, seed: int | None = None
) -> ProgrammedCells:
    """Return the same programmed cells with a drift drawn anew, from a generator or the `seed` of one."""
    generator = generator_of(generator, seed)
    if device.drift is None:
        return cells
    return dataclasses.replace(cells, drift_state=device.drift.draw(cells.target, device.window, generator=generator))


@checked
def conductance_at(device: Device, cells: ProgrammedCells, t: float) -> Tensor:
    """Return the conductances [S] at `t` seconds since programming, before fresh read noise.

    Drift and, where the read noise stands for device-to-device spread, its frozen deviate are applied; stuck cells
    stay where they are. The same cells and time always give the same conductances.

    Raises
    ------
    ValueError
        If the drift is a table of measurements that ends before `t`.

    Warns
    -----
    OutOfRangeWarning
        If the device was not measured for so long.
    """
    check_nonnegative("t", t, hint="It is in seconds since programming.")
    conductance = cells.programmed
    if device.drift is not None and t > 0:
        conductance = device.drift.apply(
            conductance, target=cells.target, state=cells.drift_state, t=t, window=device.window
        )
    warn_time(device.validity, device.label, t)
    if device.read_noise is not None and cells.read_deviation is not None:
        sigma = device.read_noise.sigma(conductance, target=cells.target, window=device.window, t=t)
        conductance = torch.addcmul(conductance, sigma, cells.read_deviation)
    conductance = conductance.clamp(min=0)
    return conductance if cells.stuck is None else torch.where(cells.stuck, cells.programmed, conductance)


@checked
def read_noise_variance(device: Device, conductance: Tensor, cells: ProgrammedCells, t: float) -> Tensor | None:
    """Return the variance [S^2] that every read at `t` adds afresh to `conductance` [S]; None if there is none.

    An open cell conducts nothing and adds no noise.
    """
    if device.read_noise is None or device.read_noise.draw != "read":
        return None
    return _read_sigma(device, device.read_noise, conductance, cells, t).square()


@checked
def read_conductance(
    device: Device,
    cells: ProgrammedCells,
    t: float,
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> Tensor:
    """Return what one read at `t` seconds sees of every cell [S], fresh read noise included, clamped at 0."""
    generator = generator_of(generator, seed)
    conductance = conductance_at(device, cells, t)
    if device.read_noise is None or device.read_noise.draw != "read":
        return conductance
    sigma = _read_sigma(device, device.read_noise, conductance, cells, t)
    deviate = device.read_noise.deviate(conductance, generator=generator)
    return add_product(conductance, sigma, deviate).clamp_(min=0)


@checked
def check_read_voltage(device: Device, read_voltage: float) -> None:
    """Warn with `OutOfRangeWarning` if the device was not measured at so high a `read_voltage` [V]."""
    warn_read_voltage(device.validity, device.label, read_voltage)


@checked
def level_conductances(device: Device, levels: Tensor, *, number: int) -> Tensor:
    """Return `g_min + levels / (number - 1) * (g_max - g_min)` [S]: evenly spaced levels over the window.

    Raises
    ------
    ValueError
        If the device cannot tell `number` levels apart.
    """
    if device.levels is not None and number > device.levels:
        raise ValueError(f"`number` must be <= the {device.levels} levels of the device. Got {number}.")
    return device.g_min + levels * (device.window.span / (number - 1))


@checked
def snap_to_levels(device: Device, target: Tensor) -> Tensor:
    """Return the nearest level of the device to each `target` [S]; the gradient passes straight through."""
    if device.levels is None:
        return target.clamp(device.g_min, device.g_max)
    step = device.window.span / (device.levels - 1)
    nearest = device.g_min + ((target - device.g_min) / step).round().clamp(0, device.levels - 1) * step
    return target + (nearest - target).detach()


def _read_sigma(
    device: Device, noise: AbstractReadNoise, conductance: Tensor, cells: ProgrammedCells, t: float
) -> Tensor:
    sigma = noise.sigma(conductance, target=cells.target, window=device.window, t=t)
    return sigma if cells.stuck is None else sigma.masked_fill(cells.stuck & (cells.programmed == 0), 0)


def _check_target(device: Device, target: Tensor) -> None:
    if not target.is_floating_point():
        raise TypeError(f"`target` must be a floating-point tensor of siemens. Got {target.dtype}.")
    if target.numel() == 0 or target.is_meta:
        return
    low, high = (float(bound) for bound in target.detach().aminmax())
    if not (low >= 0 and math.isfinite(high)):
        raise ValueError(f"`target` must hold finite conductances >= 0. Got values from {low} to {high}.")
    if low == 0 < high and device.validity is not None and device.validity.g_min > 0:
        low = float(target.detach().masked_fill(target == 0, high).min())
    if high > 0:
        warn_conductances(device.validity, device.label, low=low, high=high)
