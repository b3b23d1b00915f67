"""Early stopping that goes back to the best state."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from devices.validation import check_integer


@final
class EarlyStop:
    """Remembers parameters and batch-norm statistics of the lowest loss.

    Parameters
    ----------
    model
        Its batch-norm statistics move.
    parameters
        These move.
    patience
        Epochs without a lower loss to wait for; None never stops.
    """

    def __init__(self, model: nn.Module, parameters: list[nn.Parameter], *, patience: int | None) -> None:
        if patience is not None:
            check_integer("patience", patience, at_least=1, hint="Use None to never stop.")
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        self._moving = [*(p.data for p in parameters), *(buffer for norm in norms for buffer in norm.buffers())]
        self._patience = patience
        self._start = self._best = self._state()
        self._lowest = math.inf
        self._waited = 0

    def after(self, loss: float) -> bool:
        """Count an epoch with this loss and return whether to stop."""
        if self._patience is None:
            return False
        if loss < self._lowest:
            self._lowest, self._best, self._waited = loss, self._state(), 0
            return False
        self._waited += 1
        return self._waited >= self._patience

    def finish(self) -> None:
        """Go back to the best epoch, where stopping was asked for."""
        if self._patience is not None:
            self._restore(self._best)

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

    def _restore(self, state: list[Tensor]) -> None:
        for tensor, value in zip(self._moving, state, strict=True):
            tensor.copy_(value)
