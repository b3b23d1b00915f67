"""Checkpoints of programmed arrays: what they must hold, and those of earlier versions."""

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.array.checksum import check_checksum
from crossbar.array.operation_units import driven_units
from crossbar.array.programming import parallel_rows
from crossbar.config import CrossbarConfig
from crossbar.serialization import config_differences, config_from_json, tensor_to_text
from mapping import Placement

_RENAMED = {
    "effective_weight": "reader.weight",
    "effective_variance": "reader.variance",
    "input_range": "corrections.static_range.bounds",
    "calibrated_steps": "corrections.adc_steps.steps",
    "drift_scale": "corrections.drift.factor",
    "output_scale": "corrections.output_affine.scale",
    "output_offset": "corrections.output_affine.offset",
}
"""Names of version 0.1 that moved."""
_DERIVED = ("offset_error",)
"""Names of version 0.1 that are derived now."""


def upgraded(state_dict: MutableMapping[str, Any], prefix: str) -> None:
    """Give the entries of an earlier version their present names and meaning, in place."""
    for old, new in _RENAMED.items():
        if prefix + old in state_dict:
            state_dict[prefix + new] = state_dict.pop(prefix + old)
            if old == "drift_scale":
                _fold_drift(state_dict, prefix)
    for name in _DERIVED:
        state_dict.pop(prefix + name, None)
    rows = state_dict.get(prefix + "row_index")
    if rows is not None and prefix + "row_sign" not in state_dict:
        state_dict[prefix + "row_sign"] = torch.ones_like(rows)


def _fold_drift(state_dict: MutableMapping[str, Any], prefix: str) -> None:
    """Multiply the effective weight by a drift factor, which version 0.1 applied to the outputs."""
    factor = state_dict[prefix + "corrections.drift.factor"]
    for name, power in (("reader.weight", 1), ("reader.variance", 2)):
        if state_dict.get(prefix + name) is not None:
            column = factor[:, None] if factor.ndim else factor
            state_dict[prefix + name] = state_dict[prefix + name] * column**power


def check_complete(state_dict: Mapping[str, Any], prefix: str, names: list[str]) -> None:
    """Raise unless a checkpoint holds either no chip or every tensor that any chip has."""
    missing = [name for name in names if prefix + name not in state_dict]
    if missing and len(missing) < len(names):
        raise RuntimeError(
            f"The checkpoint's chip at `{prefix}` lacks {', '.join(missing)}: it is incomplete. Save the model again."
        )


def check_undamaged(state_dict: Mapping[str, Any], prefix: str) -> None:
    """Raise unless the entries of an array have the checksum that they were saved with; version 0.1 saved none.

    Raises
    ------
    RuntimeError
        If they have not; it names the layer.
    """
    data = _read_description(state_dict[prefix + "_extra_state"])
    entries = {
        name.removeprefix(prefix): value
        for name, value in state_dict.items()
        if name.startswith(prefix) and not name.endswith("_extra_state")
    }
    text = json.dumps(data["placement"])
    check_checksum(
        data.get("checksum"), entries, text, name=prefix.removesuffix("array.").removesuffix(".") or "the model"
    )


def _read_description(state: Tensor) -> dict[str, Any]:
    """Return what a checkpoint describes its arrays by."""
    try:
        data = json.loads(tensor_to_text(state))
        return {**data, "config": str(data["config"]), "placement": dict(data["placement"])}
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError, RecursionError) as error:
        raise RuntimeError(
            f"The checkpoint's description of its arrays (`_extra_state`) is damaged: {error!r}. Save the model again."
        ) from error


def take_over(module: nn.Module, state_dict: Mapping[str, Any], prefix: str, *, device: torch.device) -> None:
    """Give every saved buffer of a module and its children the shape it has in a checkpoint, or None."""
    for path, child in module.named_modules():
        start = f"{prefix}{path}." if path else prefix
        for name in child._buffers:
            if name in child._non_persistent_buffers_set:
                continue
            stored = state_dict.get(start + name)
            setattr(child, name, None if stored is None else torch.empty_like(stored, device=device))


def described(state: Tensor, config: CrossbarConfig) -> dict[str, Any]:
    """Return the placement numbers that a checkpoint describes its arrays by.

    Raises
    ------
    RuntimeError
        If the description is damaged, or of another config than the layer's.
    """
    data = _read_description(state)
    text, shape = str(data["config"]), dict(data["placement"])
    try:
        # What training contains does not change what a chip holds.
        differences = config_differences(replace(config_from_json(text), training=config.training), config)
    except (TypeError, ValueError) as error:
        raise RuntimeError(
            f"The checkpoint was made with another CrossbarConfig than this layer has, one that cannot be read. {error}"
        ) from error
    if differences:
        raise RuntimeError(
            "The checkpoint was made with another CrossbarConfig than this layer has. Convert the model with the "
            f"checkpoint's config, or load the digital weights only. Checkpoint -> layer: {'; '.join(differences)}."
        )
    return {key: tuple(value) if isinstance(value, list) else value for key, value in shape.items()}


def forget_idle_units(array: nn.Module, placement: Placement, config: CrossbarConfig, *, steps: nn.Module) -> None:
    """Drop the operation units without word lines, which checkpoints of version 0.1 hold, from an array and its steps."""
    rows = parallel_rows(placement, config)
    if rows is None:
        return
    driven = driven_units(placement, rows)
    for module, name, axis in ((array, "transfer", 0), (array, "converter_errors", 1), (steps, "steps", 0)):
        tensor = getattr(module, name)
        if tensor is not None and tensor.shape[axis] == len(driven):
            setattr(module, name, tensor[(slice(None),) * axis + (driven,)])


def finish_loading(array: Any, incompatible: Any) -> None:
    """Derive what a checkpoint of a `CrossbarArray` does not hold."""
    if array.programmed is None or array.programmed.is_meta or array.frozen is not None:
        return
    forget_idle_units(array, array.placement, array.config, steps=array.corrections["adc_steps"])
    if array.reader.keeps_transfer:
        array.prepare()
    else:
        array.reader.finish_loading(array.placement)
