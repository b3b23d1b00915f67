"""How well a model tells classes apart."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

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
        counted = target >= 0
        correct += int(((scores.argmax(1) == target) & counted).sum())
        chance = scores.double().softmax(1).gather(1, target.clamp(min=0)[:, None])[:, 0]
        right += float((chance * counted).sum())
        count += int(counted.sum())
    if not count:
        raise ValueError("`batches` must hold at least one labelled batch. Got none.")
    return ClassScore(correct / count, right / count)
