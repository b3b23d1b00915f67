"""Pulses from whose currents those of all other pulses follow."""

import torch
from torch import Tensor


def choose_pulses(shapes: Tensor, tolerance: float) -> tuple[list[int], Tensor]:
    """Choose pulses so that the current of any other is a sum of theirs.

    An interpolative decomposition: the largest pulse first, then always the one that those before describe worst.

    Parameters
    ----------
    shapes
        Functions of the pulse, sampled at pulses 1 to the largest, of which currents are sums: (functions, pulses).
    tolerance
        Largest part of a function, relative to its largest value, that may be left.

    Returns
    -------
    list of int
        The chosen pulses, the largest first.
    Tensor
        What the current at each of them adds to that at pulses 0 to the largest, float64, (chosen, pulses + 1).
    """
    shapes = shapes.double()
    shapes = shapes / shapes.abs().amax(1, keepdim=True)
    left, at = shapes, shapes.shape[1] - 1
    chosen: list[int] = []
    while True:
        chosen.append(at)
        direction = left[:, at] / left[:, at].norm()
        left = left - torch.outer(direction, direction @ left)
        left[:, chosen] = 0
        at = int(left.norm(dim=0).argmax())
        if float(left.abs().max()) <= tolerance or len(chosen) == shapes.shape[1]:
            break
    shares = torch.linalg.pinv(shapes[:, chosen]) @ shapes
    shares[:, chosen] = torch.eye(len(chosen), dtype=shares.dtype, device=shares.device)
    return [place + 1 for place in chosen], torch.nn.functional.pad(shares, (1, 0))
