"""What every converter law gives."""

from abc import ABC, abstractmethod


class AbstractADCLaw(ABC):
    """Energy, area and time of a conversion as functions of the resolution.

    A law refuses resolutions that its source says nothing about: an extrapolated converter would decide every total.
    """

    node: float | None
    """Technology node [m]."""
    source: str
    """Paper and table."""

    @property
    @abstractmethod
    def bits_range(self) -> tuple[int, int]:
        """Lowest and highest resolution that the law holds for."""

    @abstractmethod
    def energy(self, bits: int) -> float:
        """Return the energy of one conversion [J]."""

    @abstractmethod
    def area(self, bits: int) -> float | None:
        """Return the area of one converter [m2], or None where the source does not give it."""

    @abstractmethod
    def latency(self, bits: int) -> float:
        """Return the time of one conversion [s]."""

    def check_bits(self, bits: int) -> None:
        """Raise unless the law holds for a resolution.

        Raises
        ------
        ValueError
            If it was not fitted to it.
        """
        lowest, highest = self.bits_range
        if not lowest <= bits <= highest:
            wanted = f"{lowest}" if lowest == highest else f"{lowest} to {highest}"
            raise ValueError(
                f"`adc.bits` must be {wanted} for {type(self).__name__} ({self.source}). Got {bits}. Give the layers such "
                "converters, or the architecture a law that holds there: `dataclasses.replace(architecture, adc=...)`."
            )
