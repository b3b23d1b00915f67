"""Layers of several coarse branches, each of which adds what the ones before leave over."""

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn

from crossbar.layers import ANALOG_LAYERS
from devices.arguments import checked
from devices.validation import FieldValueError, check_integer
from mapping.quantizers import AbstractQuantizer, fake_quantize


class ResidualBranches(nn.Module):
    """Layers of one shape side by side, whose outputs are added up: one matrix as a sum of coarse ones.

    Parameters
    ----------
    branches
        The layers; only the first has a bias.
    """

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of all branches."""
        total: Tensor = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return total


@checked
@torch.no_grad()
def expand_residually(
    model: nn.Module, quantizer: AbstractQuantizer, *, branches: int = 2, keep: Collection[str] = ()
) -> nn.Module:
    """Return a copy of a digital model with every convolution and linear layer split into coarse branches.

    Each branch stands in arrays of its own, with its own scale: converted with `MappingConfig(quantizer=quantizer)`, the
    first holds the codes of the weights, the next those of what is left over, and so on. The residual expansion of He and
    Fan, CVPR 2019, for ternary networks, whose branches differ in threshold. All branches learn by themselves.

    Parameters
    ----------
    model
        A digital model.
    quantizer
        What the branches are rounded to, such as `TruncatedGaussianQuantizer()`.
    branches
        Branches of each layer; arrays grow by as much.
    keep
        Qualified names of layers to leave as they are.

    Raises
    ------
    ValueError
        If `keep` names no such layer, or no layer is left to expand.
    """
    check_integer("branches", branches, at_least=2, hint="One branch is the layer itself.")
    expanded = copy.deepcopy(model)
    found = {name: module for name, module in expanded.named_modules() if type(module) in ANALOG_LAYERS}
    unknown = sorted(set(keep) - set(found))
    if unknown or not set(found) - set(keep):
        raise FieldValueError(
            f"`keep` must name layers of `model` and leave some. Got {', '.join(sorted(keep)) or 'none'}; there are "
            f"{', '.join(found) or 'none'}.",
            "keep",
        )
    for name, layer in found.items():
        if name not in keep:
            parent, _, own = name.rpartition(".")
            setattr(expanded.get_submodule(parent), own, ResidualBranches(_split(layer, quantizer, branches)))
    return expanded


def _split(layer: nn.Module, quantizer: AbstractQuantizer, branches: int) -> list[nn.Module]:
    """Return layers whose rounded weights add up to about the weight of `layer`."""
    parts = []
    left = layer.get_parameter("weight").detach()
    for number in range(branches):
        part = copy.deepcopy(layer)
        part.weight = nn.Parameter(left.clone())
        if number:
            part.register_parameter("bias", None)
        parts.append(part)
        left = left - fake_quantize(left.flatten(1).t(), quantizer).t().view_as(left)
    return parts
