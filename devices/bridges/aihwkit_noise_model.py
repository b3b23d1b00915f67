"""The noise model that carries a device into aihwkit; imports aihwkit, so only `to_aihwkit` imports this."""

import dataclasses
from typing import Any

import torch
from aihwkit.inference import BaseNoiseModel, SinglePairConductanceConverter
from torch import Tensor

from devices.device import Device
from devices.lifecycle import ProgrammedCells, conductance_at, program_cells, read_conductance

MICROSIEMENS = 1e-6


class DeviceNoiseModel(BaseNoiseModel):  # type: ignore[misc]  # aihwkit is untyped
    """A device behind aihwkit's interface: weights and conductances in uS, shapes `(outputs, inputs)`.

    `apply_programming_noise` returns, where aihwkit keeps drift coefficients, everything that each cell drew, one
    tensor (5, outputs, inputs) per slice, and last the numbers of the conversion. `apply_drift_noise` starts from
    those, not from the noisy weights.
    """

    def __init__(self, device: Device, g_converter: Any = None) -> None:
        """Take over the window of `device` unless a converter is given."""
        super().__init__(
            g_converter
            or SinglePairConductanceConverter(g_max=device.g_max / MICROSIEMENS, g_min=device.g_min / MICROSIEMENS)
        )
        self.device = device

    @torch.no_grad()
    def apply_noise(self, weights: Tensor, t_inference: float) -> Tensor:
        """Return `weights` programmed and read at `t_inference` seconds."""
        programmed, carried = self.apply_programming_noise(weights)
        return self.apply_drift_noise(programmed, carried, t_inference)

    @torch.no_grad()
    def apply_programming_noise(self, weights: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the programmed weights, and what their cells carry."""
        targets, parameters = self.g_converter.convert_to_conductances(weights)
        cells = [program_cells(self.device, target * MICROSIEMENS) for target in _as_list(targets)]
        conductances = [conductance_at(self.device, slice_, 0.0) / MICROSIEMENS for slice_ in cells]
        numbers = weights.new_tensor([float(parameters[key]) for key in sorted(parameters)])
        return self._to_weights(targets, conductances, parameters), [*map(_pack, cells), numbers]

    @torch.no_grad()
    def apply_drift_noise(self, weights: Tensor, drift_noise_parameters: list[Tensor], t_inference: float) -> Tensor:
        """Return the weights that one read at `t_inference` seconds since programming sees."""
        *packed, numbers = drift_noise_parameters
        targets, parameters = self.g_converter.convert_to_conductances(weights)
        programmed_with = dict(zip(sorted(parameters), numbers, strict=True))
        cells = [_unpack(self.device, slice_) for slice_ in packed]
        conductances = [read_conductance(self.device, slice_, float(t_inference)) / MICROSIEMENS for slice_ in cells]
        return self._to_weights(targets, conductances, programmed_with)

    @torch.no_grad()
    def apply_programming_noise_to_conductance(self, g_target: Tensor) -> Tensor:
        """Return programmed conductances [uS]; they remember nothing."""
        cells = program_cells(self.device, g_target * MICROSIEMENS)
        return conductance_at(self.device, cells, 0.0) / MICROSIEMENS

    @torch.no_grad()
    def generate_drift_coefficients(self, g_target: Tensor) -> Tensor:
        """Return what cells programmed to `g_target` [uS] carry, drawn afresh."""
        if self.device.stuck is not None:
            raise ValueError(
                "A device with stuck cells must go through `apply_programming_noise`: cell by cell, aihwkit asks for "
                "the conductance and for the drift of a cell separately, and neither knows of the other's faults."
            )
        cells = program_cells(self.device, g_target * MICROSIEMENS)
        # The programmed conductance that aihwkit will pass back has its spread from device to device in it already.
        return _pack(dataclasses.replace(cells, read_deviation=None))

    @torch.no_grad()
    def apply_drift_noise_to_conductance(self, g_prog: Tensor, drift_noise_param: Tensor, t_inference: float) -> Tensor:
        """Return what one read at `t_inference` seconds sees of cells programmed to `g_prog` [uS]."""
        drift_noise_param = drift_noise_param.clone()
        drift_noise_param[1] = g_prog
        cells = _unpack(self.device, drift_noise_param)
        return read_conductance(self.device, cells, float(t_inference)) / MICROSIEMENS

    def _to_weights(self, targets: Any, conductances: list[Tensor], parameters: dict[str, Any]) -> Tensor:
        one = conductances[0] if isinstance(targets, Tensor) else conductances
        weights: Tensor = self.g_converter.convert_back_to_weights(one, parameters)
        return weights


def _as_list(targets: Any) -> list[Tensor]:
    # Converters for a single device return the tensor itself; iterating over it would go row by row.
    return [targets] if isinstance(targets, Tensor) else list(targets)


def _pack(cells: ProgrammedCells) -> Tensor:
    """Return (5, ...): target and programmed [uS], drift state, read deviate, stuck."""
    nothing = torch.zeros_like(cells.target)
    parts = (cells.drift_state, cells.read_deviation, cells.stuck)
    return torch.stack(
        [
            cells.target / MICROSIEMENS,
            cells.programmed / MICROSIEMENS,
            *(nothing if part is None else part.to(nothing.dtype) for part in parts),
        ]
    )


def _unpack(device: Device, packed: Tensor) -> ProgrammedCells:
    target, programmed, state, deviation, stuck = packed.unbind()
    noise = device.read_noise
    return ProgrammedCells(
        target=target * MICROSIEMENS,
        programmed=programmed * MICROSIEMENS,
        drift_state=state,
        read_deviation=deviation if noise is not None and noise.draw == "programming" else None,
        stuck=None if device.stuck is None else stuck > 0.5,
    )
