"""Batches whose targets are what another model answers."""

from collections.abc import Iterable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn

from calibration.support.batches import training_modes_kept
from crossbar.batches import call_model, model_device, model_input, model_logits, model_target
from devices.arguments import checked


@checked
def taught_by(teacher: nn.Module, batches: Iterable[Any]) -> Iterable[Any]:
    """Return batches with the scores of a teacher as targets, for `distillation_loss`; labels stay beside them.

    The teacher reads every batch when it is asked for, in eval mode; nothing is stored. Any verb that trains takes such
    batches: `train_hardware_aware`, and `finetune` through the chip.

    Parameters
    ----------
    teacher
        The digital model, or `crossbar.digital_twin` of the analog one. It must not be the model that learns, nor share
        weights that move with it: give a `copy.deepcopy`.
    batches
        Inputs, labelled or not; iterated as often as the result is.
    """
    return _Taught(teacher, batches)


@final
class _Taught:
    """Batches (input, {"teacher": scores, "labels": labels}), made when they are asked for."""

    def __init__(self, teacher: nn.Module, batches: Iterable[Any]) -> None:
        self._teacher, self._batches = teacher, batches

    def __iter__(self) -> Iterator[tuple[Any, dict[str, Tensor]]]:
        """Yield the batches."""
        device = model_device(self._teacher)
        for batch in self._batches:
            with training_modes_kept(self._teacher), torch.no_grad():
                self._teacher.eval()
                target = {"teacher": model_logits(call_model(self._teacher, batch, device))}
            labels = _labels(batch)
            yield model_input(batch), target if labels is None else {**target, "labels": labels}

    def __len__(self) -> int:
        """Return how many batches there are, where that is known."""
        return len(self._batches)  # type: ignore[arg-type]


def _labels(batch: Any) -> Tensor | None:
    """Return the labels of a batch, or None."""
    try:
        return model_target(batch)  # type: ignore[no-any-return]
    except TypeError:
        return None
