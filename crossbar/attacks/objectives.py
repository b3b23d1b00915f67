"""What an attacker wants to raise."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from crossbar.batches import model_logits
from devices.arguments import checked
from devices.validation import FieldValueError, check_integer, check_nonnegative

Objective = Callable[[Any, Any], Tensor]
"""Number that flips shall raise, of (output, target)."""


def cross_entropy(output: Any, target: Any) -> Tensor:
    """Return the cross-entropy of the right classes, which an untargeted attack raises (BFA)."""
    return F.cross_entropy(model_logits(output), target)


@checked
def misclassify_as(chosen: int, *, source: int | None = None, keep: float = 1.0) -> Objective:
    """Return the objective of a targeted attack: inputs of some classes shall be taken for another one.

    T-BFA (Rakin et al., IEEE TPAMI 2021, arXiv 2007.12336): all inputs for one class, those of one class, and the latter
    with the answers to all others kept (stealthy).

    Parameters
    ----------
    chosen
        Class that the inputs shall be taken for.
    source
        Class whose inputs shall be; None: all.
    keep
        Weight of the cross-entropy of all other inputs, which shall stay right; 0 does not care.

    Returns
    -------
    Objective
        To be raised: minus the cross-entropy of what the attacker wants.
    """
    check_integer("chosen", chosen, at_least=0)
    if source is not None:
        check_integer("source", source, at_least=0)
        if source == chosen:
            raise FieldValueError(f"`source` must be another class than `chosen`. Got {source} for both.", "source")
    check_nonnegative("keep", keep)

    def objective(output: Any, target: Any) -> Tensor:
        """Return minus the cross-entropy of what the attacker wants."""
        scores = model_logits(output)
        hit = target == target if source is None else target == source
        losses = F.cross_entropy(scores, target.masked_fill(hit, chosen), reduction="none")
        wanted: Tensor = -losses[hit].sum() / hit.sum().clamp(min=1)
        others: Tensor = losses[~hit].sum() / (~hit).sum().clamp(min=1)
        return wanted - keep * others

    return objective
