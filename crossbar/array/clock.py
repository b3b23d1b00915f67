"""What a chip's clock changes."""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray


def stands_still(array: "CrossbarArray", t: float) -> bool:
    """Return whether reads at `t` seconds are those of the present time, so that no circuit needs to be solved again."""
    later, now = array.conductance(t), float(array.time)
    if array.config.fresh_read_noise and t != now:  # which may grow with time
        return False
    return t == now or torch.equal(later, array.conductance(now))
