"""What every source of training noise can do."""

from abc import ABC, abstractmethod

from torch import Tensor


class AbstractTrainingNoise(ABC):
    """Noise that `train()` injects, drawn anew in every forward pass; a member overrides what it acts on."""

    initial_factor: float | None = None
    """Value at which a factor that learns, one per layer, begins; None where nothing learns."""
    clean_gradient: bool = False
    """Whether gradients go back to a layer's inputs through its weights without this noise."""

    @abstractmethod
    def weight_noise(self, weight: Tensor, factor: Tensor | None) -> Tensor | None:
        """Return what is added to the ideal weights (inputs per group, outputs), or None; `factor` () is what learns."""

    def output_noise(self, outputs: Tensor, *, channel: int) -> Tensor | None:
        """Return what is added to the outputs of a layer, whose channels lie along the dimension `channel` < 0."""
        return None
