"""Noticing that the weights of a layer have changed since its chip was programmed."""

import torch
from torch import Tensor, nn

from devices.caller_warning import warn_caller

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
Versions = list[tuple[int, int]]


class StaleChipWarning(UserWarning):
    """A chip is read whose ideal weights have changed since it was programmed."""


def weight_versions(layer: nn.Module) -> Versions:
    """Return identity and version of each parameter that a chip is programmed from: what a read can afford to look at."""
    own = layer._parameters.items()
    try:
        return [(id(p), p._version) for name, p in own if name != "bias" and type(p) is nn.Parameter]
    except RuntimeError:  # Parameters made in inference mode have no versions to compare.
        return []


def weight_mark(layer: nn.Module) -> Tensor | None:
    """Return an exact checksum of the parameters that a chip is programmed from and their kind, (2,) int64.

    It is the same on every device. None for parameters without values (meta device).
    """
    own = [p.detach() for name, p in layer._parameters.items() if p is not None and name != "bias"]
    if any(p.is_meta for p in own):
        return None
    total = sum((_checksum(p) for p in own), start=torch.zeros((), dtype=torch.int64, device=own[0].device))
    kind = sum(p.element_size() * (3 if p.dtype == torch.bfloat16 else 1) for p in own)
    return torch.stack([total, torch.full_like(total, kind)])


def _checksum(values: Tensor) -> Tensor:
    """Return the sum of all bit patterns, by rows that count differently."""
    rows = values.contiguous().view(_INTEGERS[values.element_size()]).flatten(1).sum(1)
    return (rows * torch.arange(1, 2 * len(rows), 2, device=rows.device)).sum()


def warn_if_stale(layer: nn.Module, mark: Tensor | None) -> None:
    """Warn if the parameters of a layer are not those that its chip was marked with at programming."""
    now = None if mark is None else weight_mark(layer)
    if mark is None or now is None or mark.is_meta:
        return
    # Another kind of number (a model moved to bfloat16) rounds the weights; that is no new weight.
    if bool(mark[1] == now[1]) and bool(mark[0] != now[0]):
        warn_caller(
            "The weights of a layer have changed since its chip was programmed; the chip still gives the old ones. Call "
            "`crossbar.program_analog_weights(model)` to program it again.",
            StaleChipWarning,
        )
