"""The public verb that runs a spiking network, time step by time step."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from crossbar.array.held_noise import read_noise_held
from crossbar.batches import model_logits
from crossbar.layers import AbstractAnalogLayer
from crossbar.progress import progress_over
from crossbar.spiking.coding import Coding, presented
from crossbar.spiking.counting_neuron import CountingNeuron
from crossbar.spiking.state import AbstractStateful, foreign_resets, reset_state
from devices.arguments import checked
from devices.validation import check_integer, check_probability

ReadNoise = Literal["fresh", "held"]
"""New at every read, or one draw of every cell for all time steps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeCourse:
    """What a spiking network says after each time step.

    Parameters
    ----------
    outputs
        The answer after each step, (steps, batch, ...); of samples that left early their last.
    exit_step
        Steps after which each sample has its answer, int64, (batch,).
    settled
        Whether a network from `spiking_from_quantised` fell silent, so that its answer is final: that of the quantised
        network.
    """

    outputs: Tensor
    exit_step: Tensor
    settled: bool

    @property
    def answer(self) -> Tensor:
        """The answer of each sample, (batch, ...)."""
        return self.outputs[-1]


@checked
def run_over_time(
    model: nn.Module,
    x: Tensor,
    steps: int,
    *,
    coding: Coding = "direct",
    exit_confidence: float | None = None,
    read_noise: ReadNoise = "fresh",
    progress: bool = False,
) -> TimeCourse:
    """Run a spiking network on one batch for a number of time steps, from a fresh state; return its answer after each.

    The answer of a network from `spiking_from_quantised` is the running total of its output; that of any other network,
    of snnTorch or spikingjelly too, the mean of its outputs so far. The former stops once it is silent.

    Parameters
    ----------
    model
        A network that does one time step at a call; one of spikingjelly in step mode "m" gets all steps at once.
    x
        Inputs, (batch, ...).
    steps
        Largest number of time steps.
    coding
        The input at every step ("direct"), or random spikes whose mean it is ("rate").
    exit_confidence
        A sample whose largest score has at least this probability (softmax) leaves the batch and is not computed
        further; None: all stay. Networks with neurons of other libraries compute all samples to the end.
    read_noise
        Read noise of devices that draw it at every read: "fresh", or "held" over all steps, one draw of every cell for
        this call; give batches of one sample for a draw per sample.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    ValueError
        If `steps` or `exit_confidence` cannot be.
    """
    check_integer("steps", steps, at_least=1)
    if exit_confidence is not None:
        check_probability("exit_confidence", exit_confidence)
    reset_state(model)
    with ExitStack() as stack:
        if read_noise == "held":
            arrays = [module.array for module in model.modules() if isinstance(module, AbstractAnalogLayer)]
            stack.enter_context(read_noise_held(arrays))
        if any(getattr(module, "step_mode", "s") == "m" for module in model.modules()):
            return _at_once(model, x, steps, coding, exit_confidence)
        return _step_by_step(model, x, steps, coding, exit_confidence, progress)


def _at_once(model: nn.Module, x: Tensor, steps: int, coding: Coding, confidence: float | None) -> TimeCourse:
    """Run a model that takes all steps, (time, batch, ...), at once."""
    sequence = torch.stack(list(presented(x, steps, coding, running=False)))
    outputs = _means(model_logits(model(sequence)))
    leaves = [_confident(output, confidence) for output in outputs]
    return _course(list(outputs), leaves, settled=False)


def _step_by_step(
    model: nn.Module, x: Tensor, steps: int, coding: Coding, confidence: float | None, progress: bool
) -> TimeCourse:
    """Run a model that does one step at a call."""
    neurons = [module for module in model.modules() if isinstance(module, CountingNeuron)]
    stateful = [module for module in model.modules() if isinstance(module, AbstractStateful)]
    able_to_leave = confidence is not None and not any(foreign_resets(module) for module in model.modules())
    outputs: list[Tensor] = []
    leaves: list[Tensor] = []
    active = torch.ones(len(x), dtype=torch.bool, device=x.device)
    sums: Tensor | None = None
    settled = False
    inputs = presented(x, steps, coding, running=bool(neurons))
    for step, given in enumerate(progress_over(inputs, show=progress, description="time steps", unit="step")):
        output = model_logits(model(given[active] if able_to_leave else given))
        if not neurons:
            sums = output if sums is None else sums + output
            output = sums / (step + 1)
        whole = _spread(output, outputs[-1], active) if outputs and able_to_leave else output
        outputs.append(whole)
        leaves.append(_confident(whole, confidence))
        settled = bool(neurons) and coding == "direct" and not any(neuron.fired for neuron in neurons)
        stay = ~leaves[-1][active] if able_to_leave else active
        if settled or not bool(stay.any()):
            break
        if able_to_leave and not bool(stay.all()):
            for module in stateful:
                module.keep(stay)
            sums = None if sums is None else sums[stay]
            active = active & ~leaves[-1]
    return _course(outputs, leaves, settled=settled)


def _spread(output: Tensor, before: Tensor, active: Tensor) -> Tensor:
    """Return the answers of the samples that are `active` in place of those they had before."""
    whole = before.clone()
    whole[active] = output
    return whole


def _means(outputs: Tensor) -> Tensor:
    """Return the mean over all steps so far of outputs (time, ...)."""
    number = torch.arange(1, len(outputs) + 1, device=outputs.device, dtype=outputs.dtype)
    return outputs.cumsum(0) / number.view(-1, *(1,) * (outputs.ndim - 1))


def _confident(scores: Tensor, confidence: float | None) -> Tensor:
    """Return which samples have a score with enough probability, (batch,)."""
    if confidence is None:
        return torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    probability = scores.detach().flatten(1).softmax(1).amax(1)
    return probability >= confidence


def _course(outputs: list[Tensor], leaves: list[Tensor], *, settled: bool) -> TimeCourse:
    """Put the steps together; every sample keeps the answer with which it left."""
    left = torch.stack(leaves).cumsum(0) > 0  # (steps, batch)
    exit_step = (~left).sum(0).add(1).clamp(max=len(outputs))
    for step in range(1, len(outputs)):
        gone = left[step - 1].view(-1, *(1,) * (outputs[step].ndim - 1))
        outputs[step] = torch.where(gone, outputs[step - 1], outputs[step])
    return TimeCourse(outputs=torch.stack(outputs), exit_step=exit_step, settled=settled)
