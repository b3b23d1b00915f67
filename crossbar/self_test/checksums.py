"""The checksum bit lines of a model: their cells, and what they gave."""

from typing import Any

import torch
from torch import Tensor, nn

from crossbar.array.loading import take_over
from crossbar.self_test.settings import SelfTest
from devices import ProgrammedCells

_CELLS = ("target", "programmed", "drift_state", "read_deviation", "stuck")


class CheckLines(nn.Module):
    """The checksum lines beside the arrays of one layer; all of it is buffers, absent until they are programmed."""

    levels: Tensor
    """Checksum of each row, least significant digit first, int64, (tiles, rows, lines)."""
    target: Tensor
    """Conductance that each cell shall have [S], (tiles, rows, lines)."""
    fingerprint: Tensor | None
    """What each pattern gave at programming, in levels, the lower end of the window included, (tiles, patterns)."""
    converter_errors: Tensor | None
    """Errors of the lines' converters, (3, tiles, lines)."""

    def __init__(self, *, digit_bits: int, bits: int, repeats: int) -> None:
        super().__init__()
        self.digit_bits, self.bits, self.repeats = digit_bits, bits, repeats
        for name in ("levels", *_CELLS, "fingerprint", "converter_errors"):
            self.register_buffer(name, None)

    @property
    def lines(self) -> int:
        """Checksum lines of an array."""
        return -(-self.bits // self.digit_bits)

    @property
    def modulus(self) -> int:
        """Number that every difference must be a multiple of."""
        return 1 << self.bits

    @property
    def cells(self) -> ProgrammedCells:
        """Every cell with its own draws, (tiles, rows, lines)."""
        return ProgrammedCells(**{name: getattr(self, name) for name in _CELLS})

    def hold(self, levels: Tensor, cells: ProgrammedCells) -> None:
        """Take over programmed cells."""
        self.levels = levels
        for name in _CELLS:
            setattr(self, name, getattr(cells, name))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        take_over(self, state_dict, prefix, device=torch.device("cpu") if self.levels is None else self.levels.device)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class Checksums(nn.Module):
    """The checksum lines of a programmed model, from `program_checksums`; they are saved and moved as other modules are.

    Parameters
    ----------
    settings
        How arrays test themselves.
    lines
        Checksum lines by the name of the layer.
    """

    def __init__(self, settings: SelfTest, lines: dict[str, CheckLines]) -> None:
        super().__init__()
        self.settings = settings
        self.names = tuple(lines)
        self.by_layer = nn.ModuleList(lines.values())

    def __getitem__(self, name: str) -> CheckLines:
        """Return the lines of a layer by its name."""
        found = self.by_layer[self.names.index(name)]
        if not isinstance(found, CheckLines):
            raise KeyError(name)
        return found
