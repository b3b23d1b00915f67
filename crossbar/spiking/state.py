"""What a module remembers from one time step to the next."""

from abc import ABC
from collections.abc import Callable
from typing import Any, Self, cast

from torch import Tensor, nn

from devices.arguments import checked

State = tuple[Tensor, ...]
"""What is remembered of one place where a module is called: tensors whose first dimension is the batch."""


class AbstractStateful(nn.Module, ABC):
    """A module with memory. It follows `.to()` and `deepcopy`; checkpoints hold none of it, and leave it as it is.

    A module that is called in several places of a network, or several times in a step, remembers each call apart: calls
    are told apart by their number since `begin_step`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._states: list[State] = []
        self._calls = 0

    def reset(self) -> None:
        """Forget everything: the next step is the first."""
        self._states, self._calls = [], 0

    def begin_step(self) -> None:
        """Let the next call be the first of its time step."""
        self._calls = 0

    def keep(self, chosen: Tensor) -> None:
        """Go on with some samples of the batch only, (batch,) booleans."""
        self._states = [tuple(part[chosen] for part in state) for state in self._states]

    def recalled(self, x: Tensor, initial: Callable[[Tensor], State]) -> State:
        """Return what is remembered of this call, whose first part has the shape of `x`; `initial(x)` at first.

        Raises
        ------
        ValueError
            If the shape has changed since the step before.
        """
        if self._calls == len(self._states):
            return initial(x)
        state = self._states[self._calls]
        if state[0].shape != x.shape:
            raise ValueError(
                f"`x` must have the shape of the time step before, {tuple(state[0].shape)}. Got {tuple(x.shape)}. For "
                "other samples, call `crossbar.reset_state(model)` first."
            )
        return state

    def remember(self, state: State) -> None:
        """Keep what is to be recalled in the next step, and go on to the next call."""
        self._states[self._calls : self._calls + 1] = [state]
        self._calls += 1

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._states = [tuple(fn(part) for part in state) for state in self._states]
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles hold: a memory without its history, which can be neither copied nor stored."""
        return {**self.__dict__, "_states": [tuple(part.detach() for part in state) for state in self._states]}


def begin_step(model: nn.Module, *_: Any) -> None:
    """Tell all that a model remembers that a time step begins."""
    for module in model.modules():
        if isinstance(module, AbstractStateful):
            module.begin_step()


@checked
def reset_state(model: nn.Module) -> None:
    """Forget what the neurons of a model remember: its next time step is the first.

    Neurons of snnTorch and spikingjelly, known by their methods, are reset too.
    """
    for module in model.modules():
        if isinstance(module, AbstractStateful):
            module.reset()
        else:
            for reset in foreign_resets(module):
                reset()


def foreign_resets(module: nn.Module) -> list[Callable[[], Any]]:
    """Return what resets a neuron of another library: `reset_mem` of snnTorch, `reset` of spikingjelly's memory modules."""
    if callable(getattr(module, "reset_mem", None)):
        return [cast(Callable[[], Any], module.reset_mem)]
    if hasattr(module, "_memories") and callable(getattr(module, "reset", None)):
        return [cast(Callable[[], Any], module.reset)]
    return []
