"""A trained network with few levels in all its activations, as spikes can carry them."""

import copy
from collections.abc import Iterable
from typing import Any

from torch import nn

from crossbar.adapters import ADAPTERS, find_adapter
from crossbar.layers import DecomposedRecurrent, DecomposedRecurrentCell
from crossbar.spiking.calibrate_activations import calibrate_activations
from crossbar.spiking.quantised_identity import QuantisedIdentity
from crossbar.spiking.quantised_relu import QuantisedReLU
from devices.arguments import checked
from devices.validation import check_integer


@checked
def quantise_activations(
    model: nn.Module, batches: Iterable[Any] | None = None, *, levels: int = 15, progress: bool = False
) -> nn.Module:
    """Return a copy of a trained network whose ReLUs, and states of recurrent layers, have few levels.

    Every `nn.ReLU` and `nn.ReLU6` becomes a `QuantisedReLU`; `nn.RNN`, `nn.GRU`, `nn.LSTM` and their cells are rebuilt
    around their matrices with a quantiser on the state that goes back into them. ReLUs called as functions cannot be
    seen: make them modules. Ranges are set on `batches`; train on as any network (`calibration.finetune`), ranges learn
    too.

    Parameters
    ----------
    model
        A digital network.
    batches
        Inputs that ranges are calibrated on; None leaves that to `calibrate_activations` or to training.
    levels
        Levels above 0; states, which have both signs, have as many below. A spiking network takes about so many time
        steps.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If there is nothing to quantise, or no batch.
    """
    check_integer("levels", levels, at_least=1, at_most=2**16)
    model = copy.deepcopy(model)
    done: dict[nn.Module, nn.Module] = {}
    quantised = _quantised(model, levels, done)
    if not any(new is not old for old, new in done.items()):
        raise ValueError(
            "`model` has no nn.ReLU, nn.ReLU6 or recurrent layer to quantise. Use modules in place of functions such as "
            "F.relu, or put `QuantisedReLU` where spikes shall be sent."
        )
    if batches is not None:
        calibrate_activations(quantised, batches, progress=progress)
    return quantised


def _quantised(module: nn.Module, levels: int, done: dict[nn.Module, nn.Module]) -> nn.Module:
    """Return what stands for a module; a module that is used twice is replaced by one."""
    if module in done:
        return done[module]
    done[module] = _replacement(module, levels)
    if done[module] is module:
        for name, child in list(module._modules.items()):
            if child is not None:
                setattr(module, name, _quantised(child, levels, done))
    return done[module]


def _replacement(module: nn.Module, levels: int) -> nn.Module:
    """Return the quantised form of one module, or the module itself."""
    if type(module) in (nn.ReLU, nn.ReLU6):
        relu = QuantisedReLU(levels, maximum=6.0)
        return relu.train(module.training)
    if find_adapter(module, ADAPTERS) == DecomposedRecurrent.from_digital:
        recurrent = DecomposedRecurrent()
        recurrent.hold(module)
        quantisers = [_state_quantiser(recurrent.mode, levels) for _ in range(recurrent.num_layers)]
        directions = len(recurrent.cells) // recurrent.num_layers
        for number, cell in enumerate(recurrent.cells):
            # Both directions share one: the layer behind them gets spikes of one height.
            cell["quantiser"] = quantisers[number // directions]  # type: ignore[operator]
        return recurrent.train(module.training)
    if find_adapter(module, ADAPTERS) == DecomposedRecurrentCell.from_digital:
        cell = DecomposedRecurrentCell()
        cell.hold(module)
        cell.quantiser = _state_quantiser(cell.mode, levels)
        return cell.train(module.training)
    return module


def _state_quantiser(mode: str, levels: int) -> nn.Module:
    return QuantisedReLU(levels) if mode == "RNN_RELU" else QuantisedIdentity(levels)
