"""A spiking network as an ordinary one: all its time steps in one call."""

from typing import final, get_args

from torch import Tensor, nn

from crossbar.spiking.coding import Coding
from crossbar.spiking.run_over_time import ReadNoise, run_over_time
from devices.validation import check_choice, check_instance, check_integer, check_probability


@final
class OverTime(nn.Module):
    """Run a spiking network for a number of time steps at each call and return its last answer.

    So whatever works on networks works on spiking ones: `count_events` (energy of all steps), calibrations, training by
    surrogate gradients, sweeps. Arguments are those of `run_over_time`.

    Parameters
    ----------
    model
        A network that does one time step at a call.
    steps
        Largest number of time steps.
    coding
        The input at every step ("direct"), or random spikes whose mean it is ("rate").
    exit_confidence
        Probability of its largest score with which a sample has its answer; None: all stay.
    read_noise
        New at every read ("fresh"), or one draw of every cell for a call ("held").
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        steps: int,
        coding: Coding = "direct",
        exit_confidence: float | None = None,
        read_noise: ReadNoise = "fresh",
    ) -> None:
        super().__init__()
        check_instance("model", model, nn.Module)
        check_integer("steps", steps, at_least=1)
        check_choice("coding", coding, get_args(Coding))
        check_choice("read_noise", read_noise, get_args(ReadNoise))
        if exit_confidence is not None:
            check_probability("exit_confidence", exit_confidence)
        self.model = model
        self.steps, self.coding, self.exit_confidence, self.read_noise = steps, coding, exit_confidence, read_noise

    def forward(self, x: Tensor) -> Tensor:
        """Return the answer after the last step, (batch, ...)."""
        course = run_over_time(
            self.model,
            x,
            self.steps,
            coding=self.coding,
            exit_confidence=self.exit_confidence,
            read_noise=self.read_noise,
        )
        return course.answer

    def extra_repr(self) -> str:
        """Describe the run in a model's printout."""
        return f"steps={self.steps}, coding={self.coding!r}, read_noise={self.read_noise!r}"
