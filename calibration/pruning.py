"""Weights removed in the groups that arrays are made of: word lines, bit lines, or whole arrays."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from crossbar.conversion import analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.validation import check_choice, check_nonnegative, check_probability

Groups = Literal["weights", "rows", "columns", "tiles"]
_GROUPS = ("weights", "rows", "columns", "tiles")


@checked
def group_lasso(model: nn.Module, groups: Groups = "tiles", *, strength: float) -> Callable[[], Tensor]:
    """Return a penalty that drives whole groups of weights to zero, for the loss of a training.

    `strength * sum over groups of sqrt(size) * ||w||_2` (Yuan and Lin, J. R. Stat. Soc. B 68, 49 (2006); for layers of
    networks Wen et al., "Learning structured sparsity", NeurIPS 2016). Where a whole group is 0 the gradient is 0.

    Parameters
    ----------
    model
        A converted model.
    groups
        Single weights (then it is the lasso), word lines ("rows": one input to all outputs), bit lines ("columns": one
        output), or what one array holds ("tiles").
    strength
        Factor.
    """
    check_choice("groups", groups, _GROUPS)
    check_nonnegative("strength", strength)
    layers = analog_layers(model)

    def penalty() -> Tensor:
        """Return the penalty of the present weights."""
        terms = []
        for layer in layers:
            matrix = layer.weight_matrix()
            number = _numbers(layer, groups)
            sizes = torch.bincount(number.flatten()).to(matrix.dtype)
            squares = matrix.new_zeros(len(sizes)).index_add(0, number.flatten(), matrix.square().flatten())
            # Shifted where it is 0, so that the root has a gradient of 0 there.
            norms = torch.where(squares > 0, squares, 1).sqrt() * (squares > 0)
            terms.append((sizes.sqrt() * norms).sum())
        return strength * torch.stack(terms).sum()

    return penalty


@checked
@torch.no_grad()
def prune_groups(model: nn.Module, groups: Groups = "tiles", *, share: float) -> Callable[[], None]:
    """Set the groups of least rms to zero, over all analog layers together, until a share of the weights is gone.

    The largest group of every layer stays. Arrays follow where the mapping lets them: `release_empty` drops empty ones,
    `row_order="sorted"` moves empty word lines together, `merge_columns` drops empty bit lines. Program the model anew.

    Parameters
    ----------
    model
        A converted model.
    groups
        As for `group_lasso`.
    share
        Share of all weights to set to zero; the last group may take it a little beyond.

    Returns
    -------
    Callable
        Sets them to zero again: call it after every step of an optimiser, to train on.
    """
    check_choice("groups", groups, _GROUPS)
    check_probability("share", share)
    layers = analog_layers(model)
    numbers = [_numbers(layer, groups) for layer in layers]
    sizes = [torch.bincount(number.flatten()) for number in numbers]
    powers = [
        torch.zeros(len(size), dtype=torch.float64).index_add_(
            0, number.flatten().cpu(), layer.weight_matrix().double().square().flatten().cpu()
        )
        / size.cpu()
        for layer, number, size in zip(layers, numbers, sizes, strict=True)
    ]
    for power in powers:
        power[power.argmax()] = math.inf
    all_sizes, all_powers = torch.cat(sizes).cpu(), torch.cat(powers)
    order = all_powers.argsort(stable=True)
    before = all_sizes[order].cumsum(0) - all_sizes[order]
    gone = torch.zeros(len(order), dtype=torch.bool)
    gone[order[before < share * all_sizes.sum()]] = True
    gone &= all_powers.isfinite()
    kept = torch.split(~gone, [len(size) for size in sizes])
    masks = [keep.to(number.device)[number] for keep, number in zip(kept, numbers, strict=True)]

    @torch.no_grad()
    def again() -> None:
        """Set the pruned weights to zero."""
        for layer, mask in zip(layers, masks, strict=True):
            layer.weight.mul_(layer.shape_weight(mask.t().to(layer.weight.dtype)))

    again()
    return again


def _numbers(layer: AbstractAnalogLayer, groups: Groups) -> Tensor:
    """Return the number of the group of each weight, int64, (inputs per group, outputs)."""
    layer.require_weights()
    matrix, mapping = layer.weight_matrix(), layer.array.config.mapping
    inputs, outputs = matrix.shape
    row = torch.arange(inputs, device=matrix.device)[:, None].expand(inputs, outputs)
    column = torch.arange(outputs, device=matrix.device).expand(inputs, outputs)
    if groups == "weights":
        return row * outputs + column
    if groups == "rows":
        return row.contiguous()
    if groups == "columns":
        return column.contiguous()
    layout = mapping.pair_layout
    own = outputs // layer.array.groups  # groups of a convolution lie in arrays of their own
    rows, cols = mapping.rows // layout.word_lines, min(own, mapping.cols // layout.bit_lines)
    across = column // own * math.ceil(own / cols) + column % own // cols
    return row // rows * (int(across.max()) + 1) + across
