"""Modules that take over the shapes of a checkpoint."""

import torch
from torch import nn

from crossbar.array.loading import take_over


def with_buffers(*sizes, kept):
    """Return a module whose buffers a, b, ... have these sizes; those in `kept` are saved."""
    module = nn.Module()
    for name, size in zip("abcd", sizes, strict=False):
        module.register_buffer(name, torch.zeros(size), persistent=name in kept)
    return module


def test_every_saved_buffer_takes_its_shape_wherever_it_stands():
    module = with_buffers(2, 2, 2, kept="bc")
    module.add_module("child", with_buffers(2, 2, kept="b"))
    stored = {"x.b": torch.ones(3), "x.child.b": torch.ones(4, 5), "x.a": torch.ones(9), "x.child.a": torch.ones(9)}
    take_over(module, stored, "x.", device=torch.device("cpu"))
    assert module.b.shape == (3,)
    assert module.c is None
    assert module.child.b.shape == (4, 5)
    assert module.a.shape == module.child.a.shape == (2,)
