"""Products of bytes whose sums become codes before they reach memory: scaled, rounded to even and saturated."""

import functools
from typing import cast

import torch
from torch import Tensor


def pack_levels(levels: Tensor) -> Tensor:
    """Lay levels (conversions, rows) of one byte out as `converted_product` takes them."""
    return cast(Tensor, torch.ops.onednn.qlinear_prepack(levels, None))


def converted_product(pulses: Tensor, packed: Tensor, unit: Tensor, kind: torch.dtype) -> Tensor:
    """Multiply pulses with packed levels, and each sum with what a level is worth.

    Parameters
    ----------
    pulses
        uint8, (vectors, rows).
    packed
        `pack_levels` of (conversions, rows).
    unit
        float32, (conversions,).
    kind
        uint8 or int8: codes, rounded to even and saturated; float32: products as they are.

    Returns
    -------
    Tensor
        (vectors, conversions).
    """
    origin = torch.zeros(len(unit), dtype=torch.int64, device=unit.device)
    outputs = torch.ops.onednn.qlinear_pointwise(
        pulses, 1.0, 0, packed, unit, origin, None, 1.0, 0, kind, "none", [], ""
    )
    return cast(Tensor, outputs)


@functools.cache
def converts_products() -> bool:
    """Return whether this torch has such products on the CPU, exactly.

    The operation is made for quantised networks and private (`torch.ops.onednn`), so it is tried once, against floating
    point: with the largest numbers, whose sums overflow where a machine adds pairs of them in 16 bits, and with sums that
    lie between two codes.
    """
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(-127, 128, (21, 130), generator=generator).to(torch.int8)
    levels[0], levels[1] = 127, -127
    pulses = torch.randint(0, 128, (19, 130), generator=generator).to(torch.uint8)
    pulses[0] = 127
    unit = torch.rand(21, generator=generator) * 1e-3
    unit[2:5] = 0.5
    try:
        packed = pack_levels(levels)
        products = (pulses.double() @ levels.double().t()).float() * unit
        references = {
            torch.uint8: products.round().clamp(0, 255),
            torch.int8: products.round().clamp(-128, 127),
            torch.float32: products,
        }
        return all(torch.equal(converted_product(pulses, packed, unit, k).float(), r) for k, r in references.items())
    except (AttributeError, RuntimeError, TypeError):
        return False
