"""Early stopping that goes back to the best state."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor


@final
class EarlyStop:
    """Remembers some tensors as they were at the start, and at the lowest loss.

    Parameters
    ----------
    moving
        The tensors; they move in place.
    patience
        Epochs without a lower loss to wait for; None never stops.
    """

    def __init__(self, moving: Iterable[Tensor], *, patience: int | None) -> None:
        self._moving = [tensor.detach() for tensor in moving]
        self._patience = patience
        self._start = self._best = self._state()
        self._lowest = math.inf
        self._waited = 0

    def after(self, loss: float) -> None:
        """Count an epoch with this loss."""
        if self._patience is None:
            return
        if loss < self._lowest:
            self._lowest, self._best, self._waited = loss, self._state(), 0
        else:
            self._waited += 1

    @property
    def exhausted(self) -> bool:
        """Whether to stop."""
        return self._patience is not None and self._waited >= self._patience

    def finish(self) -> None:
        """Go back to the best epoch, where stopping was asked for."""
        if self._patience is not None:
            self._restore(self._best)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        best = None if self._patience is None else self._best
        return {"best": best, "lowest": self._lowest, "waited": self._waited}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        if state["best"] is not None:
            self._best = [kept.to(own.device) for kept, own in zip(state["best"], self._moving, strict=True)]
        self._lowest, self._waited = state["lowest"], state["waited"]

    @contextmanager
    def restoring_on_error(self) -> Iterator[None]:
        """Go back to the start if an error ends the training."""
        try:
            yield
        except BaseException:
            self._restore(self._start)
            raise

    def _state(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self._moving]

    @torch.no_grad()
    def _restore(self, state: list[Tensor]) -> None:
        for tensor, value in zip(self._moving, state, strict=True):
            tensor.copy_(value)
