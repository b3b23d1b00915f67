"""How far a programmed chip is from its ideal weights: PC2 and the non-ideality factor."""

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array.programming import target_conductance
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked


@checked
def weight_pc2(ideal: Tensor, nonideal: Tensor) -> float:
    """Return the variance share of the second principal component of the pairs (ideal, non-ideal) of weights.

    It is 0 where the non-ideal weights are a linear function of the ideal ones, a common gain included, and 1/2 where
    they have nothing in common (arXiv 2305.18416, section 3).

    Parameters
    ----------
    ideal, nonideal
        Weights of one layer, of one shape.

    Raises
    ------
    ValueError
        If the shapes differ, a weight is not finite, there are fewer than two, or they do not vary.
    """
    if ideal.shape != nonideal.shape:
        raise ValueError(
            f"`nonideal` must have the shape of `ideal`, {tuple(ideal.shape)}. Got {tuple(nonideal.shape)}."
        )
    _require_finite(ideal=ideal, nonideal=nonideal)
    if ideal.numel() < 2:
        raise ValueError(f"`ideal` must hold at least two weights. Got {ideal.numel()}.")
    pairs = torch.stack([ideal.detach().double().flatten(), nonideal.detach().double().flatten()])
    low, high = torch.linalg.eigvalsh(torch.cov(pairs)).clamp(min=0).tolist()
    if low + high == 0:
        raise ValueError("`ideal` and `nonideal` must vary. Got constant weights.")
    return float(low / (low + high))


@checked
def non_ideality_factor(ideal: Tensor, nonideal: Tensor, *, voltages: Tensor | None = None) -> float:
    """Return `(I_ideal - I_nonideal) / I_ideal` of the bit-line currents, averaged over columns and inputs.

    Parameters
    ----------
    ideal
        Conductances as they should be [S], (..., rows, cols); columns without a cell are left out.
    nonideal
        Transfer matrices of the same arrays [S], (..., rows, cols).
    voltages
        Word-line voltages, in any unit, (inputs, rows). Default: every line driven alike.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a conductance is not finite.
    """
    if ideal.shape != nonideal.shape:
        raise ValueError(
            f"`nonideal` must have the shape of `ideal`, {tuple(ideal.shape)}. Got {tuple(nonideal.shape)}."
        )
    _require_finite(ideal=ideal, nonideal=nonideal)
    if voltages is None:
        voltages = ideal.new_ones(1, ideal.shape[-2])
    if voltages.shape[-1] != ideal.shape[-2]:
        raise ValueError(f"`voltages` must be (inputs, {ideal.shape[-2]}). Got shape {tuple(voltages.shape)}.")
    expected, got = voltages @ ideal, voltages @ nonideal  # (..., inputs, cols)
    used = expected != 0
    return float(((expected - got)[used] / expected[used]).mean())


def _require_finite(**weights: Tensor) -> None:
    for name, values in weights.items():
        bad = int((~values.isfinite()).sum())
        if bad:
            raise ValueError(
                f"`{name}` must be finite. Got {bad} that are NaN or infinite. Look at the training or the "
                "device that made them."
            )


@checked
@torch.no_grad()
def layer_deviations(model: nn.Module, *, currents: bool = True) -> xr.Dataset:
    """Return how far each analog layer of a programmed model is from ideal, at the chip's present time.

    Parameters
    ----------
    model
        A programmed analog model.
    currents
        Give the non-ideality factor too; with wire resistance that solves the arrays once more.

    Returns
    -------
    xr.Dataset
        Over `layer`: `pc2` of the mapped against the effective weights; `gain`, their least-squares slope;
        `non_ideality_factor` of the bit lines, all word lines driven.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    """
    analog_layers(model)
    rows = {name: _deviations(layer, currents=currents) for name, layer in named_analog_layers(model)}
    names = {"pc2": "variance share of the second component", "gain": "slope", "non_ideality_factor": "current lost"}
    return xr.Dataset(
        {
            key: ("layer", [row[key] for row in rows.values()], {"long_name": text, "units": "1"})
            for key, text in names.items()
            if currents or key != "non_ideality_factor"
        },
        coords={"layer": list(rows)},
    )


def _deviations(layer: AbstractAnalogLayer, *, currents: bool) -> dict[str, float]:
    array = layer.array
    array.require_programmed()
    nonideal = array.effective_weight.t()  # (inputs per group, outputs)
    ideal = array.placement.to_weight()
    found = {
        "pc2": weight_pc2(ideal, nonideal),
        "gain": float((ideal * nonideal).sum() / ideal.square().sum()),
    }
    if not currents:
        return found
    factor = non_ideality_factor(target_conductance(array.read_placement, array.config.device), array.solve())
    return found | {"non_ideality_factor": factor}
