"""Sign encodings: signed codes to non-negative cell levels.

Each is a function `(codes (inputs, outputs) int32, magnitude_bits, cell_bits) -> Planes`. A new one is one file here,
one row of `ENCODINGS` and one row of the encoding table in the tests.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from mapping.encodings.differential import encode_differential as encode_differential
from mapping.encodings.offset import encode_offset as encode_offset
from mapping.encodings.planes import Planes as Planes
from mapping.encodings.twos_complement import encode_twos_complement as encode_twos_complement

ENCODINGS: Mapping[str, Callable[[Tensor, int, int], Planes]] = MappingProxyType(
    {
        "differential": encode_differential,
        "offset": encode_offset,
        "twos_complement": encode_twos_complement,
    }
)
