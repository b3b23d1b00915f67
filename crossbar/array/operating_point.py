"""What cells that are not ohmic conduct at the voltages that wires leave them."""

import torch
from torch import Tensor

from crossbar.config import CrossbarConfig
from crossbar.parasitics import solve_crossbar
from devices.current_voltage import AbstractCurrentVoltage

_STEPS = 2
"""Solutions of the circuit; a third changes currents by less than 1e-3."""
_CELLS_AT_ONCE = 1 << 20
_INVERSIONS = 200
_DRIVEN = 0.5
"""Share of the word lines that a random bit drives."""


def operating_conductance(conductance: Tensor, config: CrossbarConfig, *, pulse: float = 1.0) -> Tensor:
    """Return current over voltage of every cell at its operating point, while its own word line is driven [S].

    The largest pulse puts the read voltage on its word line, so without wires each cell conducts what it was verified to,
    whatever its law, and a smaller one what the law says. Behind wires it sees the voltage of its own word line less the
    rise of its bit line, which depends on all inputs; it is taken for what random inputs give on the mean.

    Measured against `solve_crossbar(iv=...)`, random bits at 0.2 V on random cells: rms error of the currents 0.3 to 0.4 %
    for `Sinh(v0=0.25)` at `Wires.coupling` 0.3 to 0.5 and 1.5 to 2.3 % for `Sinh(v0=0.1)` at 0.3 to 1.3; cells taken for
    ohmic are wrong by 1.6 to 2.0 % and 9 to 13 %. With pulses of 4
    bits, at couplings 0.3 to 2: 0.05 to 0.2 % and 0.3 to 1.1 % for even random codes, up to 0.6 % and 3.2 % where half of
    the codes are 0, 1.0 % and 5.3 % where all word lines are driven fully; ohmic cells, 3 to 7 % and 14 to 46 %.

    Parameters
    ----------
    conductance
        At the read voltage [S], (tiles, rows, cols); 0 where there is no cell.
    config
        Law, wires and read voltage.
    pulse
        Voltage of the own word line over the read voltage, in (0, 1].
    """
    law = config.device.current_voltage
    if law is None or (config.wires.ideal and pulse == 1) or not conductance.numel():
        return conductance
    arrays = conductance.reshape(-1, *conductance.shape[-2:])
    at_once = max(1, _CELLS_AT_ONCE // arrays[0].numel())
    parts = [_operating(part, law, config, pulse) for part in torch.split(arrays, at_once)]
    return torch.cat(parts).view(conductance.shape)


def _operating(conductance: Tensor, law: AbstractCurrentVoltage, config: CrossbarConfig, pulse: float) -> Tensor:
    small = small_signal_conductance(conductance, law, config.inputs.read_voltage)
    if config.wires.ideal:
        voltage = conductance.new_full((), pulse * config.inputs.read_voltage)
        return law.current(voltage, small) / voltage
    operating = conductance
    for _ in range(_STEPS):
        voltage = _cell_voltage(operating, config, pulse)
        operating = law.current(voltage, small) / voltage
    return operating


def _cell_voltage(conductance: Tensor, config: CrossbarConfig, pulse: float) -> Tensor:
    """Return the mean voltage over each cell whose word line is driven [V]."""
    rows = conductance.shape[-2]
    share = _DRIVEN
    if config.parallel_rows is not None and config.undriven == "grounded":
        share *= min(1.0, config.parallel_rows / rows)
    drive = conductance.new_full((rows,), share * config.inputs.read_voltage)
    mean = solve_crossbar(conductance, drive.expand(len(conductance), rows), config.wires, tolerance=1e-6)
    rise = 0.0 if config.inputs.negative == "bipolar" else mean.bit_line_voltages
    # A cell of a line that loses nearly all still has some voltage, and a current in proportion.
    return (mean.word_line_voltages * (pulse / share) - rise).clamp(min=1e-3 * pulse * config.inputs.read_voltage)


def small_signal_conductance(conductance: Tensor, law: AbstractCurrentVoltage, voltage: float) -> Tensor:
    """Return the conductances at 0 V of cells that carry `conductance * voltage` at a voltage.

    Raises
    ------
    RuntimeError
        If there are none.
    """
    held = conductance.new_full((), voltage)
    small = conductance
    tolerance = max(16 * torch.finfo(conductance.dtype).eps, 1e-9)
    for _ in range(_INVERSIONS):
        ratio = torch.where(conductance > 0, conductance * held / law.current(held, small), 1)
        small = small * ratio
        if bool(((ratio - 1).abs() <= tolerance).all()):
            return small
    raise RuntimeError(
        f"No conductance at 0 V was found that gives cells theirs at {voltage:g} V. Check that the current of {law!r} "
        "grows with the conductance."
    )
