"""To and from the device models of other emulators."""

from devices.bridges.from_aihwkit import CorrectedModelWarning as CorrectedModelWarning
from devices.bridges.from_aihwkit import from_aihwkit as from_aihwkit
from devices.bridges.to_aihwkit import to_aihwkit as to_aihwkit
