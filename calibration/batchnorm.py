"""Batch-norm adaptation: new statistics for a network that runs on non-ideal arrays.

A. Bhattacharjee et al., "Examining the role and limits of batchnorm optimization to mitigate diverse hardware-noise in
in-memory computing", GLSVLSI 2023, arXiv 2305.18416; with exact statistics it is the AdaBS of Joshi et al., Nature
Communications 11, 2473 (2020).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.support.batches import run_batches, training_modes_kept
from calibration.support.distributed import averaged, summed, unwrapped
from devices.arguments import checked
from devices.validation import check_probability


@checked
def adapt_batchnorm(
    model: nn.Module, batches: Iterable[Any], *, momentum: float | None = None, progress: bool = False
) -> None:
    """Replace the running statistics of every batch norm by those that the model now has on `batches`.

    Every other module, analog layers included, stays in eval mode: the programmed chip is read as in inference, and no
    parameter moves. Each batch norm hands on values normalised with the statistics of the batch, as in training. In a
    process group every process gives batches of its own, and all end with the same statistics.

    Parameters
    ----------
    model
        A programmed analog model (a digital one works too), `DistributedDataParallel` or not.
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
    model = unwrapped(model)
    norms = batchnorm_modules(model)
    moments = [_Moments(norm, momentum) for norm in norms]
    # Batch norms stay in eval mode too: the hook gives them the statistics of the batch, several times faster than
    # torch's training mode on a CPU.
    handles = [norm.register_forward_pre_hook(seen.add) for norm, seen in zip(norms, moments, strict=True)]
    try:
        with training_modes_kept(model):
            model.eval()
            run_batches(model, batches, progress=progress, description="batch-norm adaptation")
    except BaseException:
        for seen in moments:
            seen.restore()
        raise
    finally:
        for handle in handles:
            handle.remove()
    for seen in moments:
        seen.store()


def batchnorm_modules(model: nn.Module) -> list[_BatchNorm]:
    """Return the batch norms of a model that keep running statistics: 1d, 2d, 3d and SyncBatchNorm.

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


def average_statistics(norms: Iterable[_BatchNorm]) -> None:
    """Give every process of a group the mean of all processes' running statistics."""
    for norm in norms:
        for statistic in _statistics(norm):
            statistic.copy_(averaged(statistic))


class _Moments:
    """Statistics of what a batch norm sees: of everything, as sums in float64, or as a moving average."""

    def __init__(self, norm: _BatchNorm, momentum: float | None) -> None:
        self.norm = norm
        self.momentum = momentum
        self.before = [statistic.clone() for statistic in _statistics(norm)]
        self.moving = [statistic.double() for statistic in self.before]
        self.count = torch.zeros((), dtype=torch.float64, device=self.before[0].device)
        self.sum = torch.zeros_like(self.moving[0])
        self.square = torch.zeros_like(self.sum)

    def add(self, module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Count an input (batch, channels, ...), and let the batch norm normalise it with its own statistics."""
        values = arguments[0].detach().flatten(2) if arguments[0].ndim > 2 else arguments[0].detach()[:, :, None]
        number = values.numel() // values.shape[1]
        if number < 2:
            raise ValueError("`batches` must give every batch norm more than one value per channel. Use larger ones.")
        mean = values.mean(-1).mean(0)
        centred = values - mean[:, None]
        variance = centred.mul_(centred).mean(-1).mean(0)
        for statistic, value in zip(_statistics(self.norm), (mean, variance), strict=True):
            statistic.copy_(value)
        mean, variance = mean.double(), variance.double()
        self.count += number
        self.sum += number * mean
        self.square += number * (variance + mean.square())
        if self.momentum is not None:
            new = (mean, variance * number / (number - 1))
            self.moving = [torch.lerp(old, now, self.momentum) for old, now in zip(self.moving, new, strict=True)]

    def store(self) -> None:
        """Write mean and unbiased variance over all processes to the running statistics."""
        count, total, square = summed(self.count), summed(self.sum), summed(self.square)
        new = self.before
        if self.momentum is not None:
            new = [averaged(statistic) for statistic in self.moving]
        elif count > 0:
            mean = total / count
            new = [mean, (square / count - mean.square()).clamp(min=0) * (count / (count - 1))]
        for statistic, value in zip(_statistics(self.norm), new, strict=True):
            statistic.copy_(value)

    def restore(self) -> None:
        """Put the running statistics back."""
        for statistic, value in zip(_statistics(self.norm), self.before, strict=True):
            statistic.copy_(value)


def _statistics(norm: _BatchNorm) -> list[Tensor]:
    """Return running mean and variance, (channels,) each."""
    return [tensor for tensor in (norm.running_mean, norm.running_var) if tensor is not None]
