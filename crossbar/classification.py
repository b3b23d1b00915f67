"""How well a model tells classes apart."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from crossbar.batches import call_model, model_device, model_logits, model_target, require_finite_input


class ClassScore(NamedTuple):
    """How well a model answers."""

    accuracy: float
    """Share of correct answers."""
    confidence: float
    """Mean probability (softmax) of the right answer, which moves less by chance."""


def classification_accuracy(model: nn.Module, batches: Iterable[Any]) -> float:
    """Return the share of correct classes of a model, put into eval mode, over labelled batches.

    Parameters
    ----------
    model
        Gives scores (batch, classes, ...), as a tensor, as `logits`, or first of several outputs.
    batches
        Tuples (input, target) or mappings; targets are classes (batch, ...), negative ones are not counted.

    Raises
    ------
    ValueError
        If there is no label, or an input is not finite.
    """
    return class_score(model, batches).accuracy


@torch.no_grad()
def class_score(model: nn.Module, batches: Iterable[Any]) -> ClassScore:
    """Return accuracy and confidence; as `classification_accuracy`."""
    model.eval()
    device = model_device(model)
    correct, right, count = 0, 0.0, 0
    for batch in batches:
        require_finite_input(batch)
        scores, target = model_logits(call_model(model, batch, device)), model_target(batch).to(device)
        right_ones, counted = right_answers(scores, target), target >= 0
        if right_ones is None:
            raise ValueError(
                f"The model must give scores (batch, classes, ...) for classes (batch, ...). Got {tuple(scores.shape)} "
                f"for targets {tuple(target.shape)} of {target.dtype}. Give a metric of your own."
            )
        correct += int(right_ones.sum())
        chance = scores.double().softmax(1).gather(1, target.clamp(min=0)[:, None])[:, 0]
        right += float((chance * counted).sum())
        count += int(counted.sum())
    if not count:
        raise ValueError("`batches` must hold at least one labelled batch. Got none.")
    return ClassScore(correct / count, right / count)


def right_answers(scores: Any, target: Any) -> Tensor | None:
    """Return where the highest score is that of the class, (batch, ...); None where these are no scores and classes.

    Negative targets are not counted.
    """
    if not (isinstance(scores, Tensor) and isinstance(target, Tensor)):
        return None
    if target.is_floating_point() or scores.ndim != target.ndim + 1 or scores[:, 0].shape != target.shape:
        return None
    return (scores.detach().argmax(1) == target) & (target >= 0)
