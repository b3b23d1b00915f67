"""What a model's mapping costs, layer by layer, next to named baselines."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.batches import call_model
from crossbar.conversion import DigitalLayerWarning, analog_layers, named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from crossbar.twins import digital_twin
from devices.arguments import checked
from devices.caller_warning import warn_caller
from devices.validation import check_integer
from mapping import map_weight, quantize_weight
from mapping.accounting import BASELINES, Footprint, bit_density, code_bit_density, dense_footprint, footprint

_VARIABLES = {
    "crossbars": "arrays",
    "cells": "cells that hold a bit of a weight",
    "utilization": "share of the cells of the arrays that hold a bit of a weight",
    "adc_conversions": "conversions of bit-line currents",
    "input_cycles": "input cycles, reads of a layer one after the other",
}
_BYTES = {"long_name": "memory of ideal weights, chip, reads and corrections"}


@checked
def mapping_report(
    model: nn.Module,
    example: Tensor | None = None,
    *,
    inferences: int | None = None,
    baseline_cell_bits: int | Literal["own"] | None = None,
) -> xr.Dataset:
    """Count arrays, cells, conversions and cycles of every analog layer, for its own mapping and for every baseline.

    Signed inputs are counted as one phase. The same input bits and pulses are assumed for every mapping.

    Parameters
    ----------
    model
        A converted model; a programmed layer is counted as it lies on its chip, another as it would be. Of a frozen layer
        no codes are left, so its bit densities are NaN.
    example
        Inputs of the model, (batch, ...), from whose sizes the reads per inference follow. Default: `adc_conversions`
        and `input_cycles` are per read of each layer, with one input vector.
    inferences
        How many inferences the example holds. Default: its first size; a sequence (time, batch, ...) holds `batch`.
    baseline_cell_bits
        Bits of a cell of every baseline; "own": as many as the cells of the layer's own mapping have, so that what
        mappings differ by is not their cells. At most the bits of the baseline's codes. Default: each baseline's own,
        one bit, and two for ISAAC.

    Returns
    -------
    xr.Dataset
        `crossbars`, `cells`, `utilization`, `adc_conversions`, `input_cycles` over (layer, mapping): mapping "own" and
        the keys of `mapping.accounting.BASELINES`; `bit_density_before` and `bit_density_after` over (layer, plane):
        ones per weight in each bit plane, 1 the most significant, of all bits of the codes and of what the arrays
        store; with `squeezed_planes`, `weights`, `reads`, `stored_bytes` (what this machine holds of the layer, its
        ideal weights included, also where they are shared) and `bytes_per_weight` over layer.

    Raises
    ------
    ValueError
        If the model has no analog layer, or `baseline_cell_bits` is not in [1, 16].

    Warns
    -----
    DigitalLayerWarning
        If the model does not call a layer on `example`.
    """
    analog_layers(model)
    if isinstance(baseline_cell_bits, int):
        check_integer("baseline_cell_bits", baseline_cell_bits, at_least=1, at_most=16)
    reads = {} if example is None else reads_per_inference(model, example, inferences or len(example))
    layers = {name: _count(layer, baseline_cell_bits) for name, layer in named_analog_layers(model)}
    names, mappings = list(layers), ["own", *BASELINES]
    counts = {
        variable: np.array([[_value(layers[name].footprints[m], variable) for m in mappings] for name in names])
        for variable in _VARIABLES
    }
    times = np.array([reads.get(name, 1) for name in names])
    for variable in ("adc_conversions", "input_cycles"):
        counts[variable] = counts[variable] * times[:, None]
    per = "read of the layer" if example is None else "inference"
    attributes = {
        name: {"long_name": text + (f" per {per}" if name in ("adc_conversions", "input_cycles") else ""), "units": "1"}
        for name, text in _VARIABLES.items()
    }
    planes = max(layer.before.numel() for layer in layers.values())
    density = {
        f"bit_density_{when}": (
            ("layer", "plane"),
            np.stack([_padded(getattr(layer, when), planes) for layer in layers.values()]),
            {"long_name": f"ones per weight, {text}", "units": "1"},
        )
        for when, text in (("before", "all planes of the codes"), ("after", "planes that are stored"))
    }
    per_layer = {
        "squeezed_planes": ("layer", [layer.squeezed_planes for layer in layers.values()], {"units": "1"}),
        "weights": ("layer", [layer.weights for layer in layers.values()], {"units": "1"}),
        "stored_bytes": ("layer", [layer.stored_bytes for layer in layers.values()], _BYTES | {"units": "B"}),
        "bytes_per_weight": (
            "layer",
            [layer.stored_bytes / layer.weights for layer in layers.values()],
            {"units": "B"},
        ),
        "reads": ("layer", times, {"long_name": f"input vectors per {per}", "units": "1"}),
    }
    return xr.Dataset(
        {name: (("layer", "mapping"), values, attributes[name]) for name, values in counts.items()}
        | density
        | per_layer,
        coords={"layer": names, "mapping": mappings, "plane": np.arange(1, planes + 1)},
        attrs={"title": "mapping of weights to crossbars"},
    )


class _Counted(NamedTuple):
    """One layer's numbers."""

    footprints: dict[str, Footprint]
    before: Tensor
    after: Tensor
    squeezed_planes: int
    weights: int
    stored_bytes: int


def _count(layer: AbstractAnalogLayer, baseline_cell_bits: int | Literal["own"] | None) -> _Counted:
    config, groups = layer.array.config.mapping, layer.array.groups
    technology = layer.array.config
    cycles = technology.inputs.cycles
    read_out: dict[str, Any] = {
        "parallel_rows": technology.parallel_rows,
        "subtract_pairs": technology.subtracts_pairs,
    }
    frozen = layer.array.frozen
    if frozen is not None:
        outputs, inputs = layer.array.effective_weight.shape
        own, before, after = frozen.footprint, torch.full((1,), torch.nan), torch.full((1,), torch.nan)
    else:
        weight = layer.weight_matrix().detach()
        inputs, outputs = weight.shape
        on_chip = layer.array.programmed_yet
        placement = layer.array.placement if on_chip else map_weight(weight, config, groups=groups)
        own = footprint(placement, cycles, **read_out)
        before = code_bit_density(quantize_weight(weight, config.effective_quantizer()), config.encoding)
        after = bit_density(placement, bits=before.numel())
    footprints = {"own": own}
    cell_bits = config.cell_bits if baseline_cell_bits == "own" else baseline_cell_bits
    for name, make in BASELINES.items():
        baseline = make(config)
        if cell_bits is not None:
            baseline = replace(baseline, cell_bits=min(cell_bits, baseline.weight_bits))
        footprints[name] = dense_footprint(
            baseline, inputs=inputs, outputs=outputs, groups=groups, cycles=cycles, **read_out
        )
    return _Counted(
        footprints=footprints,
        before=before,
        after=after,
        squeezed_planes=config.squeezed_planes,
        weights=inputs * outputs,
        stored_bytes=stored_bytes(layer),
    )


def stored_bytes(module: nn.Module) -> int:
    """Return the memory that the parameters and buffers of a module take, saved or not [B]."""
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return sum(tensor.nbytes for tensor in tensors.values())


def _value(counted: Footprint, variable: str) -> float:
    values = {**asdict(counted), "utilization": counted.utilization}
    return float(values[variable]) if variable == "utilization" else int(values[variable])


def _padded(density: Tensor, planes: int) -> np.ndarray:
    """Return densities with NaN for planes that a layer's codes do not have, at the end."""
    return np.concatenate([density.numpy(), np.full(planes - density.numel(), np.nan)])


@torch.no_grad()
def reads_per_inference(model: nn.Module, example: Any, inferences: int) -> dict[str, int]:
    """Run the digital twin on a batch of so many inferences, and count the input vectors of every layer for one."""
    twin = digital_twin(model).eval()
    vectors = {name: 0 for name, _ in named_analog_layers(model)}

    def counter(name: str, outputs: int) -> Callable[[nn.Module, object, Tensor], None]:
        """Return a hook that counts the input vectors of a layer."""

        def count(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            """Count the vectors of one call."""
            vectors[name] += output.numel() // outputs

        return count

    for name, layer in named_analog_layers(model):
        twin.get_submodule(name).register_forward_hook(counter(name, layer.weight_matrix().shape[1]))
    call_model(twin, example)
    unread = [name for name, count in vectors.items() if count == 0]
    if unread:
        warn_caller(
            f"`model` never calls {', '.join(unread)} on `example`: if it uses the weight by itself, as in "
            "F.linear(x, layer.weight), the product stays digital.",
            DigitalLayerWarning,
        )
    return {name: -(-count // inferences) for name, count in vectors.items()}
