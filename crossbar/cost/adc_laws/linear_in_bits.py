"""Converters that take a step of equal time and energy per bit."""

from dataclasses import dataclass

from crossbar.cost.adc_laws.base import AbstractADCLaw
from devices.arguments import check_fields
from devices.validation import check_integer, check_nonnegative, check_positive


@dataclass(frozen=True, kw_only=True)
class LinearInBitsADC(AbstractADCLaw):
    """A conversion of `bits` steps, each of one energy and one time: PUMA's model, and NeuRRAM's neuron.

    Parameters
    ----------
    energy_per_bit
        Energy of a step [J].
    time_per_bit
        Time of a step [s].
    converter_area
        Area of a converter, whatever its bits are [m2]; None where it is not published.
    lowest_bits
        Lowest resolution that the source shows.
    highest_bits
        Highest resolution that the source shows.
    node
        Technology node [m].
    source
        Paper and table.
    """

    energy_per_bit: float
    time_per_bit: float
    converter_area: float | None
    lowest_bits: int = 1
    highest_bits: int
    node: float | None
    source: str

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        check_fields(self)
        check_positive("energy_per_bit", self.energy_per_bit)
        check_positive("time_per_bit", self.time_per_bit)
        if self.converter_area is not None:
            check_nonnegative("converter_area", self.converter_area)
        check_integer("lowest_bits", self.lowest_bits, at_least=1)
        check_integer("highest_bits", self.highest_bits, at_least=self.lowest_bits, hint="It is above `lowest_bits`.")

    @property
    def bits_range(self) -> tuple[int, int]:
        """Those that the source shows."""
        return self.lowest_bits, self.highest_bits

    def energy(self, bits: int) -> float:
        """Return the energy of one conversion [J]."""
        self.check_bits(bits)
        return bits * self.energy_per_bit

    def area(self, bits: int) -> float | None:
        """Return the area of one converter [m2]."""
        self.check_bits(bits)
        return self.converter_area

    def latency(self, bits: int) -> float:
        """Return the time of one conversion [s]."""
        self.check_bits(bits)
        return bits * self.time_per_bit
