"""Images with labels, and how many of them a model gets right."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crossbar.classification import classification_accuracy


class Split(NamedTuple):
    """Images and their classes."""

    images: Tensor
    """Network inputs, float32, (images, channels, height, width)."""
    labels: Tensor
    """Classes, int64, (images,)."""

    def first(self, number: int) -> "Split":
        """Return the first `number` images."""
        return Split(self.images[:number], self.labels[:number])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) of at most `size` images."""
        yield from zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)


def accuracy(model: nn.Module, data: Split, *, batch: int = 250) -> float:
    """Return the share of images that the model, put into eval mode, classifies correctly."""
    return classification_accuracy(model, data.batches(batch))
