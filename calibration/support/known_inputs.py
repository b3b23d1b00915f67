"""Known inputs: what a controller can learn about its arrays without data."""

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.drive import code_limits


@torch.no_grad()
def known_inputs(array: CrossbarArray, *, patterns: int | None, seed: int = 0) -> Tensor:
    """Return known input codes, (vectors, inputs).

    Parameters
    ----------
    array
        Programmed arrays.
    patterns
        None: each word line driven alone, by the largest pulses. A number: so many patterns that drive half of the word
        lines, drawn from `seed`; cheaper, and large enough currents for a coarse ADC.
    """
    placement = array.placement
    idle, full = code_limits(array.config.inputs)
    if patterns is None:
        driven = torch.eye(placement.inputs, dtype=torch.bool)
    else:
        driven = torch.rand(patterns, placement.inputs, generator=torch.Generator().manual_seed(seed)) < 0.5
    like = array.effective_weight
    return torch.where(driven, full, idle).to(like)
