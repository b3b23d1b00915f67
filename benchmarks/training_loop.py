"""How the networks of the training study are trained."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from calibration import distillation_loss, taught_by
from crossbar.examples import Split

BATCH = 128


def endless(data: Split, generator: torch.Generator, batch: int = BATCH) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield random batches for ever."""
    while True:
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), batch):
            yield data.images[chosen], data.labels[chosen]


def train(
    model: nn.Module,
    data: Split,
    *,
    steps: int,
    rate: float,
    batch: int = BATCH,
    after_step: Callable[[], object] | None = None,
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
    momentum: float | None = None,
    teacher: nn.Module | None = None,
) -> float:
    """Train in `train()` mode with Adam and a cosine schedule, or SGD with a momentum, and return the CPU seconds.

    A `teacher` gives the wanted scores beside the labels, half of the loss at a temperature of 2.
    """
    torch.manual_seed(0)
    start = time.process_time()
    learned = [p for p in model.parameters() if p.requires_grad]
    if momentum is None:
        optimizer: torch.optim.Optimizer = torch.optim.Adam(learned, lr=rate)
        schedule: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    else:
        optimizer = torch.optim.SGD(learned, lr=rate, momentum=momentum)
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    drawn = endless(data, torch.Generator().manual_seed(0), batch)
    batches: Iterable[tuple[torch.Tensor, Any]] = ((x if augment is None else augment(x), y) for x, y in drawn)
    loss: Callable[[Any, Any], torch.Tensor] = F.cross_entropy
    if teacher is not None:
        batches, loss = taught_by(teacher, batches), distillation_loss(temperature=2.0, label_share=0.5)
    model.train()
    for _, (images, target) in zip(range(steps), batches, strict=False):
        optimizer.zero_grad()
        loss(model(images), target).backward()
        optimizer.step()
        schedule.step()
        if after_step is not None:
            after_step()
    model.eval()
    return time.process_time() - start
