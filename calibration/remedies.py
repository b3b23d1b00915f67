"""The remedies of the recovery ladder and of study files, in one table; a new remedy is one row."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.adc_ranges import calibrate_adc_ranges
from calibration.batchnorm import adapt_batchnorm
from calibration.drift import compensate_drift
from calibration.finetune import finetune
from calibration.finetune_batchnorm import finetune_batchnorm
from calibration.finetune_layernorm import finetune_layernorm, layernorm_modules
from calibration.hardware_aware import train_hardware_aware
from calibration.input_ranges import calibrate_input_ranges
from calibration.low_rank import LOW_RANK_PARAMETERS, attach_low_rank
from calibration.mime import attach_thresholds, calibrate_thresholds
from calibration.mime.attach import reason_against_thresholds
from calibration.output_affine import fit_output_affine
from calibration.output_gains import match_output_gains
from crossbar.batches import model_input
from crossbar.compensation.reprogram import compensate_wires
from crossbar.compensation.stuck_correction import correct_stuck_cells
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.lifecycle import program_analog_weights
from crossbar.training_settings import set_training_effects
from devices.arguments import check_fields, checked


def _always(model: nn.Module) -> str | None:
    """Return None: nothing speaks against it."""
    return None


@final
@dataclass(frozen=True)
class Remedy:
    """One calibration, as the ladder and studies apply it.

    Parameters
    ----------
    apply
        Calibrates the analog model (first), given the digital one and training batches, which can be iterated again: in
        place, or returns another.
    needs_batchnorm
        Whether it is left out for models without batch norm.
    needs_relu
        Whether it is left out for models in which no ReLU can be replaced.
    refusal
        Says why it does not apply to an analog model for another reason, or gives None.
    step
        Its name in study files besides that of the table.
    """

    apply: Callable[[nn.Module, nn.Module, Iterable[Any]], Any]
    needs_batchnorm: bool = False
    needs_relu: bool = False
    refusal: Callable[[nn.Module], str | None] = _always
    step: str = ""

    def __post_init__(self) -> None:
        """Refuse fields of another type."""
        check_fields(self)

    def reason_against(self, model: nn.Module) -> str | None:
        """Return why it does not apply to an analog model, in a sentence, or None."""
        if self.needs_batchnorm and not any(_has_statistics(module) for module in model.modules()):
            return "`model` has no batch norm with running statistics."
        reason = reason_against_thresholds(model) if self.needs_relu else None
        return reason or self.refusal(model)


def _has_statistics(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.running_mean is not None


def _no_static_range(model: nn.Module) -> str | None:
    if any(layer.array.config.inputs.range == "static" for layer in analog_layers(model)):
        return None
    return "`model` has no layer with InputConfig(range='static')."


def _no_calibrated_adc(model: nn.Module) -> str | None:
    if any(adc is not None and adc.range == "calibrated" for adc in (m.array.config.adc for m in analog_layers(model))):
        return None
    return "`model` has no layer with ADC(range='calibrated')."


def _no_layernorm(model: nn.Module) -> str | None:
    return None if layernorm_modules(model) else "`model` has no layer, RMS or group norm with gamma and beta."


def _no_wires(model: nn.Module) -> str | None:
    if any(not layer.array.config.wires.ideal for layer in analog_layers(model)):
        return None
    return "`model` has no layer whose wires have a resistance."


def _no_stuck_cells(model: nn.Module) -> str | None:
    if any(layer.array.config.device.stuck is not None for layer in analog_layers(model)):
        return None
    return "`model` has no layer of a device with stuck cells."


def _compensate_wires(model: nn.Module) -> None:
    """Program the chip anew, with targets for its wires."""
    compensate_wires(model, generator=torch.Generator().manual_seed(0))


def _no_wires_to_train_through(model: nn.Module) -> str | None:
    if any(layer.array.config.compensation is not None for layer in analog_layers(model)):
        return "`model` has layers that are programmed for their wires already, CrossbarConfig(compensation=...)."
    return _no_wires(model)


def _train_through_wires(model: nn.Module, batches: Iterable[Any]) -> None:
    """Train everything for one epoch through the exact wires, at the chip's time, program it and measure statistics."""
    layers = dict(named_analog_layers(model))
    before = {name: layer.array.config.training for name, layer in layers.items()}
    normed = any(_has_statistics(module) for module in model.modules())
    if not normed:
        match_output_gains(model, batches)
    times = {name: float(layer.array.time) if layer.array.programmed_yet else 0.0 for name, layer in layers.items()}
    chosen = {name: replace(effects, wires=True, time=times[name]) for name, effects in before.items()}
    set_training_effects(model, chosen)
    try:
        train_hardware_aware(model, batches)
    finally:
        set_training_effects(model, before)
    program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    for name, layer in layers.items():
        layer.drift(times[name])
    if normed:
        # A moving average still holds much of what the norms saw before.
        adapt_batchnorm(model, batches)


def _correct_stuck_cells(model: nn.Module) -> None:
    """Correct known stuck cells digitally."""
    correct_stuck_cells(model)


def _low_rank(model: nn.Module, reference: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Learn rank-4 side paths with Adam."""
    model = attach_low_rank(model, rank=4, generator=torch.Generator().manual_seed(0))
    finetune(model, batches, [LOW_RANK_PARAMETERS], optimizer=lambda moving: torch.optim.Adam(moving, lr=1e-3))
    return model


def _thresholds(model: nn.Module, reference: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Put thresholds in the place of every ReLU and learn them through the array."""
    held = list(batches)
    example = model_input(held[0])
    if not isinstance(example, Tensor):
        raise TypeError("`batches` must hold one input tensor each: thresholds are attached to models of one input.")
    replaced = attach_thresholds(model, example[:1], inplace=True)
    calibrate_thresholds(replaced, held)
    return replaced


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "input ranges": Remedy(
            lambda model, reference, batches: calibrate_input_ranges(model, batches),
            refusal=_no_static_range,
            step="calibrate_input_ranges",
        ),
        "ADC ranges": Remedy(
            lambda model, reference, batches: calibrate_adc_ranges(model, batches),
            refusal=_no_calibrated_adc,
            step="calibrate_adc_ranges",
        ),
        "wires": Remedy(
            lambda model, reference, batches: _compensate_wires(model),
            refusal=_no_wires,
            step="compensate_wires",
        ),
        "stuck cells": Remedy(
            lambda model, reference, batches: _correct_stuck_cells(model),
            refusal=_no_stuck_cells,
            step="correct_stuck_cells",
        ),
        "drift": Remedy(lambda model, reference, batches: compensate_drift(model), step="compensate_drift"),
        "drift per column": Remedy(
            lambda model, reference, batches: compensate_drift(model, granularity="column"),
            step="compensate_drift_per_column",
        ),
        "moving statistics": Remedy(
            lambda model, reference, batches: adapt_batchnorm(model, batches, momentum=0.1),
            needs_batchnorm=True,
            step="adapt_batchnorm_moving",
        ),
        "exact statistics": Remedy(
            lambda model, reference, batches: adapt_batchnorm(model, batches),
            needs_batchnorm=True,
            step="adapt_batchnorm",
        ),
        "output affine": Remedy(fit_output_affine, step="fit_output_affine"),
        "batch-norm fine-tuning": Remedy(
            lambda model, reference, batches: finetune_batchnorm(model, batches),
            needs_batchnorm=True,
            step="finetune_batchnorm",
        ),
        "layer-norm fine-tuning": Remedy(
            lambda model, reference, batches: finetune_layernorm(model, batches),
            refusal=_no_layernorm,
            step="finetune_layernorm",
        ),
        "training through the wires": Remedy(
            lambda model, reference, batches: _train_through_wires(model, batches),
            refusal=_no_wires_to_train_through,
            step="train_through_wires",
        ),
        "thresholds": Remedy(_thresholds, needs_relu=True, step="calibrate_thresholds"),
        "low rank": Remedy(_low_rank, step="low_rank"),
    }
)
"""Remedies by name, cheapest first."""

LADDER: tuple[tuple[str, ...], ...] = (
    (),
    ("drift",),
    ("drift per column",),
    ("moving statistics",),
    ("exact statistics",),
    ("output affine",),
    ("output affine", "exact statistics"),
    ("batch-norm fine-tuning",),
    ("exact statistics", "batch-norm fine-tuning"),
    ("layer-norm fine-tuning",),
    ("thresholds",),
    ("exact statistics", "thresholds"),
    ("low rank",),
    ("exact statistics", "low rank"),
)
"""Sequences of remedies, each from the uncalibrated chip: alone, and where one prepares the next."""


@checked
def apply_remedies(
    remedies: Iterable[Remedy], model: nn.Module, reference: nn.Module, batches: Iterable[Any]
) -> nn.Module:
    """Apply remedies one after the other and return the model, which may be another than the one given.

    Raises
    ------
    ValueError
        If one does not apply.
    """
    for remedy in remedies:
        reason = remedy.reason_against(model)
        if reason is not None:
            raise ValueError(reason)
        replaced = remedy.apply(model, reference, batches)
        model = replaced if isinstance(replaced, nn.Module) else model
    return model
