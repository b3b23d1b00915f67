"""ReLU with few levels."""

from typing import final

from crossbar.spiking.quantised_activation import AbstractQuantisedActivation


@final
class QuantisedReLU(AbstractQuantisedActivation):
    """ReLU with few levels: `threshold * clamp(floor(x / threshold + 1/2), 0, levels)`.

    Parameters
    ----------
    levels
        Levels above 0: a neuron that stands for it sends at most so many more spikes of one sign than of the other.
    maximum
        The largest output; `quantise_activations` and `calibrate_activations` choose it for data, training learns it.
    """

    @property
    def lowest(self) -> int:
        """The smallest code, 0."""
        return 0
