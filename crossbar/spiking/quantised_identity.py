"""The identity with few levels of both signs."""

from typing import final

from crossbar.spiking.quantised_activation import AbstractQuantisedActivation


@final
class QuantisedIdentity(AbstractQuantisedActivation):
    """Numbers of both signs with few levels: `threshold * clamp(floor(x / threshold + 1/2), -levels, levels)`.

    For what is sent as spikes without being an activation: the state of a recurrent network, an average before a layer.

    Parameters
    ----------
    levels
        Levels above 0, and as many below.
    maximum
        The largest output; `quantise_activations` and `calibrate_activations` choose it for data, training learns it.
    """

    @property
    def lowest(self) -> int:
        """The smallest code."""
        return -self.levels
