"""The best converters published so far, as a regression over node, rate and resolution."""

import math
from dataclasses import dataclass

from crossbar.cost.adc_laws.base import AbstractADCLaw
from devices.arguments import check_fields
from devices.validation import FieldValueError, check_positive


@dataclass(frozen=True, kw_only=True)
class SurveyADC(AbstractADCLaw):
    """Regression over Murmann's ADC survey by Andrulis et al., arXiv 2404.06553 (coefficients: hwcomponents-adc, MIT).

    It follows the best published converters, so it is optimistic for any one design; area is good to a factor of 5
    (ISAAC's converter is 5.4x below it at 1.28 GS/s). Fitted to 4 bits and more; nodes of 14 to 130 nm are sensible.

    Parameters
    ----------
    node
        Technology node [m], 14e-9 to 130e-9.
    rate
        Conversions a second of one converter [1/s].
    source
        Paper.
    """

    node: float
    rate: float
    source: str = "regression over Murmann's ADC survey, Andrulis et al., arXiv 2404.06553"

    def __post_init__(self) -> None:
        """Refuse nodes and rates that were not fitted."""
        check_fields(self)
        check_positive("node", self.node)
        if not 14e-9 * (1 - 1e-9) <= self.node <= 130e-9 * (1 + 1e-9):
            raise FieldValueError(
                f"`node` must lie in [14e-9, 130e-9] m for the survey's regression. Got {self.node!r}.", "node"
            )
        check_positive("rate", self.rate)
        if not 1e4 <= self.rate <= 1e11:
            raise FieldValueError(f"`rate` must lie in [1e4, 1e11] conversions a second. Got {self.rate!r}.", "rate")

    @property
    def bits_range(self) -> tuple[int, int]:
        """Fitted to 4 bits and more."""
        return 4, 16

    def energy(self, bits: int) -> float:
        """Return the energy of one conversion [J]."""
        self.check_bits(bits)
        merit = min(213.78 - 2.872 * math.log(self.rate), 128.31 + 3.2205 * bits)  # [dB]
        signal_to_noise = 6.02 * bits + 1.76  # [dB]
        node = 26.050 + 1.8800 * math.log(self.node * 1e9) - 2.8291 * math.log(bits) - 1.4702
        return 0.5e-12 * 10 ** ((signal_to_noise - merit) / 10) * math.exp(node)

    def area(self, bits: int) -> float | None:
        """Return the area of one converter [m2]."""
        logarithm = 1.3462 + 0.99328 * math.log(self.node * 1e9) + 0.18072 * math.log(self.rate)
        return 1e-12 * math.exp(logarithm + 0.29912 * math.log(self.energy(bits) * 1e12))

    def latency(self, bits: int) -> float:
        """Return the time of one conversion [s]."""
        self.check_bits(bits)
        return 1 / self.rate
