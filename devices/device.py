"""A memory cell as a composition of independent effects."""

from dataclasses import dataclass, field

from devices.current_voltage import AbstractCurrentVoltage
from devices.display import html_table, short_repr
from devices.drift.base import AbstractDrift
from devices.plausibility import warn_conductance
from devices.programming.base import AbstractProgrammingError
from devices.programming.exact import ExactProgramming
from devices.read_noise.base import AbstractReadNoise
from devices.stuck_cells import StuckCells
from devices.validation import check_instance, check_integer, check_text
from devices.validity import ValidityRange, warn_conductances
from devices.window import Window

_EXACT = ExactProgramming()
_OPTIONAL: dict[str, type] = {
    "read_noise": AbstractReadNoise,
    "drift": AbstractDrift,
    "stuck": StuckCells,
    "current_voltage": AbstractCurrentVoltage,
    "validity": ValidityRange,
}


@dataclass(frozen=True, kw_only=True)
class Device:
    """One kind of memory cell: its window, and what goes wrong with it.

    The effects act in this order: programming error, stuck cells, drift, (wires,) read noise. Each of them is
    independent of the others; `None` is the absence of one.

    Parameters
    ----------
    g_min
        Lowest programmable conductance [S].
    g_max
        Highest programmable conductance [S].
    levels
        Number of conductance levels that can be told apart, evenly spaced over the window; None: continuous.
    programming
        What programming leaves of a target.
    read_noise
        How the conductance differs from read to read (or from device to device).
    drift
        How the conductance moves with time.
    stuck
        Cells that do not answer to programming.
    current_voltage
        Law of the current through a cell, e.g. `Sinh(v0=0.25)`, taken for odd in the voltage; None: ohmic. All conductances
        here are those at the read voltage, where cells are programmed and verified; smaller pulses and cells behind wires
        see less. Fresh read noise is at every voltage the share of the current that it is at the read voltage.
    validity
        Where the numbers were measured; use outside of it warns. None: nothing is known about that.
    name
        Name of the device.
    source
        Paper, table or measurement the numbers come from.
    """

    g_min: float
    g_max: float
    levels: int | None = None
    programming: AbstractProgrammingError = _EXACT
    read_noise: AbstractReadNoise | None = None
    drift: AbstractDrift | None = None
    stuck: StuckCells | None = None
    current_voltage: AbstractCurrentVoltage | None = None
    validity: ValidityRange | None = field(default=None, repr=False)
    name: str = ""
    source: str = field(default="", repr=False)

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse a window or a number of levels that cannot be."""
        Window(g_min=self.g_min, g_max=self.g_max)
        if self.levels is not None:
            check_integer("levels", self.levels, at_least=2, hint="Use None for a continuous cell.")
        check_instance("programming", self.programming, AbstractProgrammingError)
        for name, kind in _OPTIONAL.items():
            check_instance(name, getattr(self, name), kind, optional=True)
        for name in ("name", "source"):
            check_text(name, getattr(self, name))
        warn_conductance("g_max", self.g_max)
        warn_conductances(self.validity, self.label, low=self.g_min, high=self.g_max)

    @property
    def window(self) -> Window:
        """The conductance window."""
        return Window(g_min=self.g_min, g_max=self.g_max)

    @property
    def on_off_ratio(self) -> float:
        """`g_max / g_min`, infinite for a cell that switches off completely."""
        return self.g_max / self.g_min if self.g_min > 0 else float("inf")

    @property
    def label(self) -> str:
        """Name and source, for messages."""
        return f"{self.name or 'The device'}{f' ({self.source})' if self.source else ''}"
