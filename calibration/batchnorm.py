"""Batch-norm adaptation: new statistics for a network that runs on non-ideal arrays (arXiv 2305.18416)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.batches import model_device, model_input, training_modes_kept, with_progress
from devices.validation import check_probability


def adapt_batchnorm(
    model: nn.Module, batches: Iterable[Any], *, momentum: float | None = None, progress: bool = False
) -> None:
    """Replace the running statistics of every batch norm by those that the model now has on `batches`.

    Every other module, analog layers included, stays in eval mode: the programmed chip is read as in inference, and no
    parameter moves.

    Parameters
    ----------
    model
        A programmed analog model (a digital one works too).
    batches
        Training inputs: tensors, tuples whose first item is the input, or mappings.
    momentum
        None: the exact mean and variance over all batches, each value counted once. A number in (0, 1]: the moving
        average of batch statistics that starts from the present ones, as training with that momentum keeps.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If the model has no batch norm with running statistics, or `batches` is empty.
    """
    if momentum is not None:
        check_probability("momentum", momentum, hint="Use None for exact statistics.")
    norms = batchnorm_modules(model)
    device = model_device(model)
    moments = {norm: _Moments() for norm in norms}
    handles = [norm.register_forward_pre_hook(moments[norm].add) for norm in norms] if momentum is None else []
    momenta = {norm: norm.momentum for norm in norms}
    count = 0
    try:
        with training_modes_kept(model), torch.no_grad():
            model.eval()
            for norm in norms:
                norm.train()
                norm.momentum = 0.0 if momentum is None else momentum
            for batch in with_progress(batches, progress=progress, description="batch-norm adaptation"):
                model(model_input(batch).to(device))
                count += 1
    finally:
        for handle in handles:
            handle.remove()
        for norm, old_momentum in momenta.items():
            norm.momentum = old_momentum
    if not count:
        raise ValueError("`batches` must hold at least one batch. Got none; a generator can be used only once.")
    if momentum is None:
        for norm in norms:
            moments[norm].store(norm)


def batchnorm_modules(model: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of a model that keep running statistics.

    Raises
    ------
    ValueError
        If there is none.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        raise ValueError(
            "`model` has no batch norm with running statistics. Use another calibration: `fit_output_affine` needs "
            "none, `finetune` moves any parameters."
        )
    return norms


class _Moments:
    """Sums of the values that a batch norm sees, per channel, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.sum: Tensor | float = 0.0
        self.square: Tensor | float = 0.0

    def add(self, module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Count the input of a forward pass, (batch, channels, ...)."""
        values = arguments[0].detach().transpose(0, 1).flatten(1).double()  # (channels, values)
        self.count += values.shape[1]
        self.sum = self.sum + values.sum(1)
        self.square = self.square + values.square().sum(1)

    def store(self, norm: _BatchNorm) -> None:
        """Write mean and unbiased variance to the running statistics."""
        if not isinstance(self.sum, Tensor) or not isinstance(self.square, Tensor):
            return
        mean = self.sum / self.count
        variance = (self.square / self.count - mean.square()).clamp(min=0) * (self.count / max(self.count - 1, 1))
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
