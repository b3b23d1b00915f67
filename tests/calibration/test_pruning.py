"""Pruning in groups: what goes, what arrays it frees, and the penalty that prepares it."""

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import group_lasso, prune_groups

MAPPING = {"weight_bits": 4, "cell_bits": 3, "rows": 8, "cols": 6}
KINDS = ("weights", "rows", "columns", "tiles")


def model(**mapping):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(4, 12, 3), nn.ReLU(), nn.Conv2d(12, 8, 1, groups=2), nn.Flatten(), nn.Linear(8, 10))
    return xb.convert_to_analog(net, xb.CrossbarConfig(mapping=xb.MappingConfig(**{**MAPPING, **mapping})))


def groups_of(layer, kind):
    """Return the weights of each group, cut by hand."""
    matrix = layer.weight_matrix().detach()
    if kind == "weights":
        return matrix.flatten()[:, None]
    if kind == "rows":
        return list(matrix)
    if kind == "columns":
        return list(matrix.t())
    return [
        tile
        for block in matrix.chunk(layer.array.groups, 1)
        for rows in torch.split(block, 8)
        for tile in torch.split(rows, 6, 1)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_groups_go_and_stay_away(kind):
    analog = model()
    layers = xb.analog_layers(analog)
    before = [[tile.clone() for tile in groups_of(layer, kind)] for layer in layers]
    again = prune_groups(analog, kind, share=0.5)
    total = removed = 0
    gone, stayed = [], []
    for layer, old in zip(layers, before, strict=True):
        new = groups_of(layer, kind)
        assert any(bool(tile.any()) for tile in new)
        for tile, earlier in zip(new, old, strict=True):
            total += tile.numel()
            if tile.any():
                assert torch.equal(tile, earlier)
                stayed.append(float(earlier.square().mean()))
            else:
                removed += tile.numel()
                gone.append(float(earlier.square().mean()))
    largest_group = max(tile.numel() for old in before for tile in old)
    assert 0.5 <= removed / total <= 0.5 + largest_group / total
    assert max(gone) <= min(stayed) * (1 + 1e-6)
    with torch.no_grad():
        for layer in layers:
            layer.weight.add_(1.0)
    again()
    zeros = sum(int((layer.weight == 0).sum()) for layer in layers)
    assert zeros == removed


def test_nothing_and_all_but_one_group():
    analog = model()
    prune_groups(analog, "tiles", share=0.0)
    assert all(layer.weight.all() for layer in xb.analog_layers(analog))
    prune_groups(analog, "rows", share=1.0)
    assert [int(layer.weight_matrix().any(1).sum()) for layer in xb.analog_layers(analog)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("kind", "mapping"),
    [("tiles", {"release_empty": True}), ("rows", {"release_empty": True, "row_order": "sorted"})],
)
def test_arrays_follow(kind, mapping):
    analog = model(**mapping)
    xb.program_analog_weights(analog, seed=0)
    dense = [layer.array.placement.tiles for layer in xb.analog_layers(analog)]
    prune_groups(analog, kind, share=0.6)
    xb.program_analog_weights(analog, seed=0)
    kept = [layer.array.placement.tiles for layer in xb.analog_layers(analog)]
    assert sum(kept) <= 0.65 * sum(dense)
    unstructured = model(**mapping)
    prune_groups(unstructured, "weights", share=0.6)
    xb.program_analog_weights(unstructured, seed=0)
    assert sum(layer.array.placement.tiles for layer in xb.analog_layers(unstructured)) > 0.9 * sum(dense)


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_is_that_of_the_group_lasso(kind):
    analog = model().double()
    penalty = group_lasso(analog, kind, strength=0.1)
    wanted = sum(
        0.1 * tile.numel() ** 0.5 * float(tile.detach().norm())
        for layer in xb.analog_layers(analog)
        for tile in groups_of(layer, kind)
    )
    assert float(penalty().detach()) == pytest.approx(wanted)


def test_the_penalty_has_a_gradient_of_zero_where_a_group_is():
    analog = model()
    prune_groups(analog, "tiles", share=0.5)
    group_lasso(analog, "tiles", strength=1.0)().backward()
    for layer in xb.analog_layers(analog):
        assert layer.weight.grad.isfinite().all()
        assert not layer.weight.grad[layer.weight == 0].any()
        assert layer.weight.grad[layer.weight != 0].all()


def test_unknown_groups_are_refused():
    with pytest.raises(ValueError, match="`groups` must be one of"):
        prune_groups(model(), "planes", share=0.5)
