"""One part of a chip: what an event costs, what its place costs, and who says so."""

from dataclasses import dataclass
from typing import Literal

from devices.arguments import check_fields
from devices.validation import FieldValueError, check_choice, check_nonnegative, check_positive

Level = Literal["cell", "row", "column", "converter", "array", "core", "tile", "chip"]
LEVELS: tuple[Level, ...] = ("cell", "row", "column", "converter", "array", "core", "tile", "chip")


@dataclass(frozen=True, kw_only=True)
class Component:
    """Price of one part of an architecture; None means that the source does not give it, so that it is not modelled.

    Parameters
    ----------
    energy
        Energy of one event [J]; 0 only where the source counts it elsewhere, which `source` then says.
    area
        Area of what stands at one place of `level`, all copies there together [m2].
    level
        What has one of it: a cell, a row or column of an array, a converter, an array, a core, a tile or the chip.
    latency
        Time of one event [s].
    leakage
        Power at rest of what stands at one place of `level` [W]; None where the source has it within `energy`.
    node
        Technology node that the numbers are for [m]; None where they follow from no node.
    source
        Paper and table of the numbers.
    """

    energy: float | None
    area: float | None = None
    level: Level = "array"
    latency: float | None = None
    leakage: float | None = None
    node: float | None = None
    source: str

    def __post_init__(self) -> None:
        """Refuse prices that cannot be."""
        check_fields(self)
        for name in ("energy", "area", "latency", "leakage"):
            value = getattr(self, name)
            if value is not None:
                check_nonnegative(name, value, hint="Use None for what is not known.")
        if self.node is not None:
            check_positive("node", self.node)
        check_choice("level", self.level, LEVELS)
        if not isinstance(self.source, str) or not self.source.strip():
            raise FieldValueError(f"`source` must say where the numbers are from. Got {self.source!r}.", "source")


def not_modelled(source: str, *, level: Level = "array") -> Component:
    """Return a part whose price is not known; reports list it and give NaN."""
    return Component(energy=None, area=None, level=level, source=source)


def counted_in(place: str, *, level: Level = "array", latency: float | None = None) -> Component:
    """Return a part whose price the source states as part of another one's."""
    return Component(energy=0.0, area=0.0, level=level, latency=latency, source=f"counted in {place}")
