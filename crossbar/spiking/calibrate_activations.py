"""Ranges of quantised activations from data."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.batches import call_model, model_device
from crossbar.progress import progress_over
from crossbar.spiking.quantised_activation import AbstractQuantisedActivation
from devices.arguments import checked

_PER_BATCH = 2**14
"""Inputs of an activation that are kept of one batch."""
_MAXIMA = 64
"""Maxima that are tried, evenly spaced up to the largest input."""


@checked
@torch.no_grad()
def calibrate_activations(model: nn.Module, batches: Iterable[Any], *, progress: bool = False) -> None:
    """Give every quantised activation the range with the least mean square error on data.

    While calibrating, activations are not quantised, so that all see what the network does without quantisation.

    Parameters
    ----------
    model
        A model with quantised activations (`quantise_activations`); it is run in eval mode.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If the model has no quantised activation, or there is no batch.
    """
    activations = quantised_activations(model)
    seen: dict[nn.Module, list[Tensor]] = {activation: [] for activation in activations}
    generator = torch.Generator().manual_seed(0)

    def unquantised(module: nn.Module, arguments: tuple[Tensor, ...], _output: Tensor) -> Tensor:
        """Keep some inputs, and hand on what the activation would be with infinitely many levels."""
        x = arguments[0]
        flat = x.flatten()
        chosen = torch.randint(max(1, flat.numel()), (min(_PER_BATCH, flat.numel()),), generator=generator)
        seen[module].append(flat[chosen.to(flat.device)].float())
        return x if module.lowest else x.clamp(min=0)

    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(setattr, module, "training", module.training)
        for activation in activations:
            stack.callback(activation.register_forward_hook(unquantised).remove)
        model.eval()
        device = model_device(model)
        for batch in progress_over(batches, show=progress, description="ranges of activations", unit="batch"):
            call_model(model, batch, device)
    if not any(seen.values()):
        raise ValueError("`batches` must hold at least one input. Got none; a generator can be used only once.")
    for activation in activations:
        if seen[activation]:
            activation.threshold.fill_(_best_threshold(torch.cat(seen[activation]), activation))


def quantised_activations(model: nn.Module) -> list[AbstractQuantisedActivation]:
    """Return the quantised activations of a model.

    Raises
    ------
    ValueError
        If it has none.
    """
    found = [module for module in model.modules() if isinstance(module, AbstractQuantisedActivation)]
    if not found:
        raise ValueError("`model` has no quantised activation. Call `crossbar.quantise_activations(model, batches)`.")
    return found


def _best_threshold(values: Tensor, activation: AbstractQuantisedActivation) -> float:
    """Return the threshold with the least square error for the inputs `values` (n,) of an activation."""
    wanted = values if activation.lowest else values.clamp(min=0)
    largest = float(wanted.abs().amax())
    if largest == 0:
        return float(activation.threshold.detach())
    thresholds = [largest * number / _MAXIMA / activation.levels for number in range(1, _MAXIMA + 1)]

    def error(threshold: float) -> float:
        codes = (wanted / threshold + 0.5).floor().clamp(activation.lowest, activation.highest)
        return float((codes * threshold - wanted).square().mean())

    return min(thresholds, key=error)
