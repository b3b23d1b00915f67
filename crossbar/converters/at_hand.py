"""Whether the numbers in a tensor can be looked at without waiting for them."""

import torch
from torch import Tensor


def at_hand(x: Tensor) -> bool:
    """Return whether numbers of a tensor can be looked at in passing.

    They can on the CPU. On another device whoever looks waits until all that was launched before is done, and a tracer
    or compiler would take the numbers of its example for those of every input.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
    return x.is_cpu and type(x) is Tensor and not traced
