"""What tasks cost on a digital systolic array: the setting of MIME's claim, next to nothing of it known but the ladder."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from calibration.mime.in_turn import measure_in_turn
from calibration.mime.memory_report import memory_report
from calibration.mime.task_bank import TaskBank
from calibration.support.batches import require_batches, training_modes_kept
from crossbar.batches import call_model, model_device
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.validation import check_positive

_LEVELS = ("dram", "buffer", "neighbour", "register", "mac")
_SCHEMES = ("separate models", "separate models, zeros skipped", "thresholds", "thresholds, zeros skipped")


@dataclass(frozen=True, kw_only=True)
class SystolicLadder:
    """Energy of moving one number, in units of a multiply-add: Eyeriss, ISCA 2016 (1, 2, 6, 200). It is not MIME's.

    Parameters
    ----------
    register
        From the register file of a processing element.
    neighbour
        From a neighbouring element.
    buffer
        From the global buffer.
    dram
        From DRAM.
    """

    register: float = 1.0
    neighbour: float = 2.0
    buffer: float = 6.0
    dram: float = 200.0

    def __post_init__(self) -> None:
        """Refuse energies that cannot be."""
        for name in ("register", "neighbour", "buffer", "dram"):
            check_positive(name, getattr(self, name))


@checked
def systolic_report(
    bank: TaskBank, batches: Mapping[str, Iterable[Any]], *, ladder: SystolicLadder | None = None
) -> xr.Dataset:
    """Estimate the energy of tasks that take turns input by input on a digital systolic array.

    In the pipelined mode of the paper (arXiv 2204.05274, 2.4 to 3.1x less energy than models of their own) every input
    belongs to another task: separate models load all their parameters from DRAM each time, thresholds only themselves
    while the weights are loaded once a round. Array size, energies and mapping of the paper are not public; here each
    multiply-add reads its weight from the register file and passes its sum to a neighbour, each input and output passes
    the buffer once, and parameters come from DRAM. So this shows what the claim rests on, not the claim.

    Parameters
    ----------
    bank
        Tasks on one model.
    batches
        Inputs of each task by its name.
    ladder
        Energies of moving a number. Default: that of Eyeriss.

    Returns
    -------
    xr.Dataset
        `energy` (scheme, level), per input in units of a multiply-add; `total` over scheme; `saving`, that of separate
        models over it; `nonzero` (task, activation), the share of multiply-adds whose input is not zero, with thresholds
        and with ReLU in their place; `round`, the number of tasks that take turns.

    Raises
    ------
    ValueError
        If a task is unknown or has no batch, or fewer than two take turns.
    """
    costs, memory = SystolicLadder() if ladder is None else ladder, memory_report(bank)
    work = measure_in_turn(bank, batches, _work)
    weights, stored, tasks = float(memory.weights), float(memory.neurons), len(batches)
    kinds = ("thresholds", "relu")
    shares = np.array([[one.useful / one.macs for one in work[kind]] for kind in kinds]).T
    everything = [one for kind in kinds for one in work[kind]]
    macs = float(np.mean([one.macs for one in everything]))
    moved = float(np.mean([one.numbers for one in everything]))
    loaded = {"separate models": weights, "thresholds": (weights + tasks * stored) / tasks}
    rows = []
    for scheme in _SCHEMES:
        base, _, skipped = scheme.partition(", ")
        done = macs * (float(shares[:, int(base != "thresholds")].mean()) if skipped else 1.0)
        dram, buffer = costs.dram * loaded[base], costs.buffer * moved
        rows.append([dram, buffer, costs.neighbour * done, costs.register * done, done])
    energy = np.array(rows)
    total = energy.sum(1)
    return xr.Dataset(
        {
            "energy": (("scheme", "level"), energy, {"units": "1", "long_name": "energy per input in multiply-adds"}),
            "total": ("scheme", total, {"units": "1"}),
            "saving": ("scheme", total[0] / total, {"units": "1"}),
            "nonzero": (("task", "activation"), shares, {"units": "1"}),
            "round": ((), tasks, {"units": "1", "long_name": "tasks that take turns"}),
        },
        coords={
            "scheme": list(_SCHEMES),
            "level": list(_LEVELS),
            "task": list(batches),
            "activation": list(kinds),
        },
        attrs={"limits": "a ladder of its own and a mapping assumed: what the claim rests on, not the claim"},
    )


@dataclass
class _Work:
    """What one input takes on average."""

    macs: float = 0.0
    useful: float = 0.0
    numbers: float = 0.0


@torch.no_grad()
def _work(model: nn.Module, batches: list[Any]) -> _Work:
    """Count multiply-adds, those with an input that is not zero, and the inputs and outputs of all layers."""
    work, samples = _Work(), 0
    with _counted(model, work), training_modes_kept(model):
        model.eval()
        for batch in batches:
            output = call_model(model, batch, model_device(model))
            samples += len(output)
    require_batches(samples)
    return _Work(*(value / samples for value in (work.macs, work.useful, work.numbers)))


@contextmanager
def _counted(model: nn.Module, work: _Work) -> Iterator[None]:
    def count(module: Any, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        """Add one call: each output takes as many multiply-adds as its weights have inputs."""
        matrix = module.weight_matrix() if isinstance(module, AbstractAnalogLayer) else module.weight.flatten(1).t()
        macs = output.numel() * matrix.shape[0]
        work.macs += macs
        work.useful += macs * float((arguments[0] != 0).float().mean())
        work.numbers += arguments[0].numel() + output.numel()

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, AbstractAnalogLayer)
    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, kinds):
                stack.callback(module.register_forward_hook(count).remove)
        yield
