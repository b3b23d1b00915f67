"""A published converter at its own resolution, and no other."""

from dataclasses import dataclass

from crossbar.cost.adc_laws.base import AbstractADCLaw
from devices.arguments import check_fields
from devices.validation import check_integer, check_nonnegative, check_positive


@dataclass(frozen=True, kw_only=True)
class FixedADC(AbstractADCLaw):
    """The numbers of one converter.

    Parameters
    ----------
    bits
        Its resolution.
    conversion_energy
        Energy of a conversion [J].
    converter_area
        Area of the converter [m2]; None where it is not published.
    conversion_time
        Time of a conversion [s].
    node
        Technology node [m].
    source
        Paper and table.
    """

    bits: int
    conversion_energy: float
    converter_area: float | None
    conversion_time: float
    node: float | None
    source: str

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        check_fields(self)
        check_integer("bits", self.bits, at_least=1)
        check_positive("conversion_energy", self.conversion_energy)
        check_positive("conversion_time", self.conversion_time)
        if self.converter_area is not None:
            check_nonnegative("converter_area", self.converter_area)

    @property
    def bits_range(self) -> tuple[int, int]:
        """Its own resolution only."""
        return self.bits, self.bits

    def energy(self, bits: int) -> float:
        """Return the energy of one conversion [J]."""
        self.check_bits(bits)
        return self.conversion_energy

    def area(self, bits: int) -> float | None:
        """Return the area of one converter [m2]."""
        self.check_bits(bits)
        return self.converter_area

    def latency(self, bits: int) -> float:
        """Return the time of one conversion [s]."""
        self.check_bits(bits)
        return self.conversion_time
