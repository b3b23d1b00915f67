"""Pictures of a programmed layer's arrays."""

from crossbar.layer_plots.conductances import plot_conductances as plot_conductances
from crossbar.layer_plots.wire_losses import plot_wire_losses as plot_wire_losses
