"""Devices from measurements."""

from devices.fitting.fit import Fit as Fit
from devices.fitting.fit import PoorFitWarning as PoorFitWarning
from devices.fitting.fit import fit as fit
from devices.fitting.measurements import Measurements as Measurements
from devices.fitting.measurements import read_measurements as read_measurements
