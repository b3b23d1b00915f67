"""Reads of known inputs: what a controller can learn about its arrays without data."""

import torch
from torch import Tensor

from crossbar.array import CrossbarArray


@torch.no_grad()
def known_inputs(array: CrossbarArray, *, patterns: int | None, seed: int = 0) -> Tensor:
    """Return known input codes, (vectors, inputs).

    Parameters
    ----------
    array
        Programmed arrays.
    patterns
        None: each word line driven alone with the largest code. A number: so many patterns that drive half of the word
        lines, drawn from `seed`; cheaper, and large enough currents for a coarse ADC.
    """
    placement, bits = array.placement, array.config.inputs.bits
    device = placement.levels.device
    highest = 1.0 if bits is None else 2.0**bits - 1
    if patterns is None:
        return highest * torch.eye(placement.inputs, device=device)
    generator = torch.Generator().manual_seed(seed)
    driven = torch.rand(patterns, placement.inputs, generator=generator) < 0.5
    return highest * driven.to(device, torch.float32)


@torch.no_grad()
def read_known_inputs(array: CrossbarArray, codes: Tensor) -> Tensor:
    """Read input codes (vectors, inputs) at the present time, fresh read noise included: (vectors, outputs)."""
    if array.plan.kind == "tiled":
        return array.read(codes)
    placement = array.placement
    groups = placement.groups
    grouped = codes.view(len(codes), groups, -1)  # (vectors, groups, inputs per group)
    weight = array.effective_weight.view(groups, placement.outputs // groups, -1)
    outputs = torch.einsum("vgi,goi->vgo", grouped, weight).flatten(1)
    if array.effective_variance is None:
        return outputs
    variance = array.effective_variance.view_as(weight)
    spread = torch.einsum("vgi,goi->vgo", grouped.square(), variance).flatten(1).clamp(min=0).sqrt()
    return outputs + spread * torch.randn_like(outputs)
