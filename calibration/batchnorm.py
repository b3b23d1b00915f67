"""Batch-norm adaptation: new statistics for a network that runs on non-ideal arrays.

A. Bhattacharjee et al., "Examining the role and limits of batchnorm optimization to mitigate diverse hardware-noise in
in-memory computing", GLSVLSI 2023, arXiv 2305.18416; with exact statistics it is the AdaBS of Joshi et al., Nature
Communications 11, 2473 (2020).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.batches import run_batches, training_modes_kept
from calibration.distributed import averaged, processes, summed, unwrapped
from devices.validation import check_probability


def adapt_batchnorm(
    model: nn.Module, batches: Iterable[Any], *, momentum: float | None = None, progress: bool = False
) -> None:
    """Replace the running statistics of every batch norm by those that the model now has on `batches`.

    Every other module, analog layers included, stays in eval mode: the programmed chip is read as in inference, and no
    parameter moves. Each batch norm hands on values normalised with the statistics of the batch, as in training. In a
    process group every process gives its own batches and all end with the same statistics.

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
    # With momentum 1 the running statistics are those of the last batch: the exact form costs nothing but their sums.
    sums = {norm: _Moments(norm) for norm in norms} if momentum is None else {}
    handles = [norm.register_forward_hook(moments.add) for norm, moments in sums.items()]
    try:
        with (
            _statistics_restored_on_error(norms),
            _momentum(norms, 1.0 if momentum is None else momentum),
            training_modes_kept(model),
        ):
            model.eval()
            for norm in norms:
                norm.train()
            run_batches(model, batches, progress=progress, description="batch-norm adaptation")
    finally:
        for handle in handles:
            handle.remove()
    for moments in sums.values():
        moments.store()
    if momentum is not None:
        average_statistics(norms)


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
    """Sums of the values that a batch norm has seen, per channel, in float64."""

    def __init__(self, norm: _BatchNorm) -> None:
        self.norm = norm
        self.before = [statistic.clone() for statistic in _statistics(norm)]
        self.count = torch.zeros((), dtype=torch.float64, device=self.before[0].device)
        self.sum = torch.zeros_like(self.before[0], dtype=torch.float64)
        self.square = torch.zeros_like(self.sum)

    def add(self, module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        """Count the batch whose mean and unbiased variance the batch norm has just stored."""
        mean, variance = (statistic.double() for statistic in _statistics(self.norm))
        number = arguments[0].numel() // len(mean)
        total = number * processes() if isinstance(module, nn.SyncBatchNorm) else number
        self.count += number
        self.sum += number * mean
        self.square += number * (variance * (total - 1) / total + mean.square())

    def store(self) -> None:
        """Write mean and unbiased variance of everything seen to the running statistics."""
        count, total, square = summed(self.count), summed(self.sum), summed(self.square)
        new = self.before
        if count > 0:
            mean = total / count
            variance = (square / count - mean.square()).clamp(min=0) * (count / (count - 1).clamp(min=1))
            new = [mean, variance]
        for statistic, value in zip(_statistics(self.norm), new, strict=True):
            statistic.copy_(value)


def _statistics(norm: _BatchNorm) -> list[Tensor]:
    """Return running mean and variance, (channels,) each."""
    return [tensor for tensor in (norm.running_mean, norm.running_var) if tensor is not None]


@contextmanager
def _statistics_restored_on_error(norms: list[_BatchNorm]) -> Iterator[None]:
    before = [(tensor, tensor.clone()) for norm in norms for tensor in _statistics(norm)]
    try:
        yield
    except BaseException:
        for tensor, value in before:
            tensor.copy_(value)
        raise


@contextmanager
def _momentum(norms: list[_BatchNorm], momentum: float) -> Iterator[None]:
    """Give batch norms a momentum for a while."""
    before = {norm: norm.momentum for norm in norms}
    try:
        for norm in norms:
            norm.momentum = momentum
        yield
    finally:
        for norm, value in before.items():
            norm.momentum = value
