"""Pictures of devices."""

from devices.plotting.plot_device import plot_device as plot_device
from devices.plotting.plot_fit import plot_fit as plot_fit
