"""Losses of language models and of students."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from calibration.training.run import Loss, class_loss
from crossbar.batches import model_logits
from devices.arguments import checked
from devices.validation import check_positive, check_probability


@checked
def next_token_loss(output: Any, labels: Tensor) -> Tensor:
    """Return the cross-entropy of every next token, for `labels` that are the input tokens (as Hugging Face has them).

    Parameters
    ----------
    output
        Scores (batch, tokens, vocabulary): a tensor, the `logits` of an output, or its first item.
    labels
        Tokens of the input, (batch, tokens); -100 is not counted.

    Raises
    ------
    ValueError
        If there is no token after the first, or the shapes do not agree.
    """
    logits = model_logits(output)
    if logits.ndim != 3 or tuple(labels.shape) != tuple(logits.shape[:2]) or labels.shape[1] < 2:
        raise ValueError(
            "`labels` must be the tokens of the input, (batch, tokens) with at least two tokens, for scores (batch, "
            f"tokens, vocabulary). Got {tuple(labels.shape)} for scores {tuple(logits.shape)}."
        )
    return F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())


@checked
def distillation_loss(*, temperature: float = 1.0, label_share: float = 0.0, label_loss: Loss = class_loss) -> Loss:
    """Return the loss of a student against its teacher, for batches of `taught_by`.

    It is `temperature^2` times the Kullback-Leibler divergence of the student's distribution from the teacher's, both
    softened (Hinton et al., arXiv 1503.02531), a mean over samples and positions; classes are the last dimension.
    Positions labelled -100 are not counted.

    Parameters
    ----------
    temperature
        Divides the scores of both.
    label_share
        Weight of `label_loss` in the sum, in [0, 1]; the rest is the teacher's.
    label_loss
        Loss of (output, labels), such as `next_token_loss`.

    Raises
    ------
    ValueError
        If `temperature` is not positive or `label_share` is no share; when called, if the target is not of `taught_by`.
    """
    check_positive("temperature", temperature)
    check_probability("label_share", label_share)

    def loss(output: Any, target: Any) -> Tensor:
        """Return the loss of one batch."""
        if not (isinstance(target, Mapping) and "teacher" in target):
            raise ValueError(
                "`distillation_loss` needs the teacher's scores. Give batches=taught_by(teacher, batches)."
            )
        total = temperature**2 * _divergence(model_logits(output), target, temperature)
        if not label_share:
            return total
        if "labels" not in target:
            raise ValueError("`label_share` needs labels in the batches. Got none.")
        return torch.lerp(total, label_loss(output, target["labels"]), label_share)

    return loss


def _divergence(student: Tensor, target: Mapping[str, Tensor], temperature: float) -> Tensor:
    """Return the mean divergence of counted positions."""
    teacher = target["teacher"]
    if student.shape != teacher.shape:
        raise ValueError(
            f"Student and teacher must agree. Got scores {tuple(student.shape)} and {tuple(teacher.shape)}."
        )
    ours, theirs = (F.log_softmax(scores.float() / temperature, -1).flatten(0, -2) for scores in (student, teacher))
    each = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(-1)
    labels = target.get("labels")
    if labels is None or labels.is_floating_point() or labels.shape != teacher.shape[:-1]:
        return each.mean()
    counted = (labels != -100).flatten()
    return (each * counted).sum() / counted.sum()
