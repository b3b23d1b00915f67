"""Pure device physics on tensors: conductances in siemens, times in seconds."""

from devices.wires import Wires as Wires
