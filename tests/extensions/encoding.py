"""A symmetric offset, one code lower than that of offset binary, as CONTRIBUTING says an encoding is added."""

FILES = {
    "mapping/encodings/symmetric_offset.py": '''
"""Symmetric offset: one array, the largest magnitude added to every code, so that no level is spent on -2^bits."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from mapping.encodings.base import AbstractEncoding
from mapping.encodings.planes import Planes, slice_magnitude, slice_significance, slice_widths


@final
@dataclass(frozen=True)
class SymmetricOffset(AbstractEncoding):
    """`codes + 2^magnitude_bits - 1` in one array; the periphery subtracts the offset times the sum of the inputs."""

    @property
    def has_pairs(self) -> bool:
        """Whether every plane has a partner of opposite significance."""
        return False

    def digital_offset(self, magnitude_bits: int) -> int:
        """Return what is added to a code before it is stored, with the other sign."""
        return 1 - (1 << magnitude_bits)

    def stored_bits(self, magnitude_bits: int) -> int:
        """Return the bits of a code and its offset."""
        return magnitude_bits + 1

    def widths(self, magnitude_bits: int, cell_bits: int) -> tuple[int, ...]:
        """Return the bits of the cells of a code and its offset, least significant first."""
        return slice_widths(magnitude_bits + 1, cell_bits)

    def planes(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes."""
        offset = self.digital_offset(magnitude_bits)
        widths = self.widths(magnitude_bits, cell_bits)
        return Planes(
            levels=slice_magnitude(codes - offset, widths),
            significance=slice_significance(widths),
            bits=widths,
            array=(0,) * len(widths),
            digital_offset=offset,
        )
''',
}
ROWS = (
    (
        "mapping/encodings/__init__.py",
        "from mapping.encodings.twos_complement import TwosComplement",
        "from mapping.encodings.symmetric_offset import SymmetricOffset as SymmetricOffset\n",
    ),
    ("mapping/encodings/__init__.py", '"twos_complement": ', '"symmetric_offset": SymmetricOffset(),\n        '),
    ("tests/mapping/mapping_tables.py", '"twos_complement")', '"symmetric_offset", '),
)
SUITES = ("tests/mapping/test_encodings_contract.py", "tests/mapping/test_placement.py", "-k", "symmetric or table")
CONFIG = """
mapping.encoding = "symmetric_offset"
device = "RRAM"
"""
CHECK = """
config = xb.CrossbarConfig(mapping=xb.MappingConfig(encoding="symmetric_offset", cell_bits=4, rows=16, cols=16))
layer = programmed(config, nn.Linear(20, 5))
report = xb.mapping_report(layer)  # two slices of eight bits, two row blocks: half of what pairs take
assert report.crossbars.sel(mapping="own").item() == layer.array.placement.tiles == 4
torch.testing.assert_close(layer.array.effective_weight, layer.weight, rtol=0, atol=float(layer.array.scale))
"""
