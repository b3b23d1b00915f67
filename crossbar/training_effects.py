"""What of the chip `train()` contains."""

from dataclasses import dataclass
from typing import Literal

from crossbar.training_noise import AbstractTrainingNoise
from devices.display import html_table, short_repr
from devices.validation import (
    FieldValueError,
    check_boolean,
    check_choice,
    check_instance,
    check_nonnegative,
)


@dataclass(frozen=True, kw_only=True)
class TrainingEffects:
    """What of the chip a layer in `train()` mode contains; what the config does not have is left out anyway.

    The default is fast: weights and inputs rounded to their codes, and one normal draw per weight for programming error
    and read noise. It leaves out wires, stuck cells, drift, cells that are not ohmic and ADC; a layer's printout says
    which of them its chip has.
    Each of these has cells placed and programmed anew in every forward pass, as `program` would; gradients go back
    through the cells, and through the wires by one adjoint pass. Rounding passes gradients straight through.

    Parameters
    ----------
    quantizer
        Round weights to the codes of the mapping; else cells take any conductance of the window.
    inputs
        Round inputs to their codes.
    programming
        Programming error, drawn anew.
    read_noise
        Read noise: one draw for all inputs of a forward pass, or where `adc` is on, one for every conversion.
    stuck_cells
        None, drawn anew ("drawn"), or those of the programmed chip ("chip").
    time
        Seconds since programming, at which cells have drifted.
    wires
        Wire resistance, exact: one transfer matrix of each array, and one adjoint, per forward pass.
    current_voltage
        Cells that are not ohmic follow their law at pulses of several bits, exactly; not beside wires.
    adc
        Convert as in `eval()`, block by block.
    noise
        Noise besides that of the device.
    """

    quantizer: bool = True
    inputs: bool = True
    programming: bool = True
    read_noise: bool = True
    stuck_cells: Literal["none", "drawn", "chip"] = "none"
    time: float = 0.0
    wires: bool = False
    current_voltage: bool = False
    adc: bool = False
    noise: AbstractTrainingNoise | None = None

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("quantizer", "inputs", "programming", "read_noise", "wires", "current_voltage", "adc"):
            check_boolean(name, getattr(self, name))
        check_choice("stuck_cells", self.stuck_cells, ("none", "drawn", "chip"))
        check_nonnegative("time", self.time, hint="It is in seconds since programming.")
        check_instance("noise", self.noise, AbstractTrainingNoise, optional=True)
        if self.current_voltage and not self.inputs:
            raise FieldValueError(
                "`current_voltage` needs pulses, and so inputs=True. Got inputs that are not rounded to codes.",
                "current_voltage",
            )
        if self.adc and not (self.inputs and self.quantizer):
            raise FieldValueError(
                "`adc` needs codes: inputs=True and quantizer=True. Got one that is not rounded.", "adc"
            )
