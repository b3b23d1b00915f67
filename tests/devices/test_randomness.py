"""Random numbers that follow one generator and the memory of what they are added to."""

import pytest
import torch

from devices.randomness import normal_in_layout

LAYOUTS = {
    "contiguous": torch.empty(3, 4, 5, 6),
    "channels last": torch.empty(3, 4, 5, 6).contiguous(memory_format=torch.channels_last),
    "transposed": torch.empty(7, 9).t(),
    "a part of rows": torch.empty(7, 9)[:, 2:5],
    "expanded": torch.empty(7, 1).expand(7, 9),
    "one number": torch.empty(()),
    "none": torch.empty(0, 4).t(),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_numbers_are_drawn_in_the_order_of_memory(name):
    """They are those of one draw in a row, laid out as the tensor they are like."""
    like = LAYOUTS[name]
    torch.manual_seed(3)
    drawn = normal_in_layout(like)
    torch.manual_seed(3)
    in_a_row = torch.randn(like.numel())
    assert drawn.shape == like.shape
    dims = sorted(range(like.ndim), key=lambda dim: -like.stride(dim))
    assert torch.equal(drawn.permute(dims).flatten(), in_a_row)
    assert drawn.permute(dims).is_contiguous()


def test_type_is_kept():
    assert normal_in_layout(torch.empty(3, 4, dtype=torch.float64).t()).dtype == torch.float64
