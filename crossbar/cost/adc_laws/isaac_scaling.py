"""ISAAC's converter at other resolutions, scaled as its authors did."""

from dataclasses import dataclass

from crossbar.cost.adc_laws.base import AbstractADCLaw
from devices.arguments import check_fields
from devices.validation import check_positive

_ENERGY = {4: 0.79, 5: 0.99, 6: 1.20, 7: 1.42, 8: 1.67, 9: 1.97, 10: 2.38}
_AREA = {4: 361.0, 5: 477.0, 6: 627.0, 7: 845.0, 8: 1200.0, 9: 1828.0, 10: 3002.0}


@dataclass(frozen=True, kw_only=True)
class IsaacScalingADC(AbstractADCLaw):
    """A successive-approximation converter: buffers, memory and clock linear in the bits, its capacitors 2^bits.

    Ratios of the table 4..10 bits: 0.79, 0.99, 1.20, 1.42, 1.67, 1.97, 2.38 pJ and 361 .. 3002 um2, which
    hwcomponents-library keeps (MIT) after Saberi et al., IEEE TCAS-I 58 (2011) 1736. Energy and area at 8 bits are given.

    Parameters
    ----------
    energy_at_8_bits
        Energy of a conversion at 8 bits [J]. Default: 2 mW at 1.28 GS/s (ISAAC, ISCA 2016, table I).
    area_at_8_bits
        Area of a converter at 8 bits [m2]. Default: 0.0096 mm2 for 8 (ISAAC, table I).
    rate
        Conversions a second of one converter [1/s].
    node
        Technology node [m].
    source
        Paper and table.
    """

    energy_at_8_bits: float = 2e-3 / 1.28e9
    area_at_8_bits: float = 1200e-12
    rate: float = 1.28e9
    node: float | None = 32e-9
    source: str = "ISAAC, ISCA 2016, table I; other resolutions by the scaling of Saberi et al. 2011"

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        check_fields(self)
        for name in ("energy_at_8_bits", "area_at_8_bits", "rate"):
            check_positive(name, getattr(self, name))

    @property
    def bits_range(self) -> tuple[int, int]:
        """The table's."""
        return min(_ENERGY), max(_ENERGY)

    def energy(self, bits: int) -> float:
        """Return the energy of one conversion [J]."""
        self.check_bits(bits)
        return self.energy_at_8_bits * _ENERGY[bits] / _ENERGY[8]

    def area(self, bits: int) -> float | None:
        """Return the area of one converter [m2]."""
        self.check_bits(bits)
        return self.area_at_8_bits * _AREA[bits] / _AREA[8]

    def latency(self, bits: int) -> float:
        """Return the time of one conversion [s], whatever the bits are."""
        self.check_bits(bits)
        return 1 / self.rate
