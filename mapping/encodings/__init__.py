"""Sign encodings: signed codes to non-negative cell levels, one file each.

A new one is one file here, one row of `ENCODINGS` and one row of the encoding table in the tests.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mapping.encodings.base import AbstractEncoding as AbstractEncoding
from mapping.encodings.differential import Differential as Differential
from mapping.encodings.differential import encode_differential as encode_differential
from mapping.encodings.offset import Offset as Offset
from mapping.encodings.offset import encode_offset as encode_offset
from mapping.encodings.planes import Planes as Planes
from mapping.encodings.twos_complement import TwosComplement as TwosComplement
from mapping.encodings.twos_complement import encode_twos_complement as encode_twos_complement

ENCODINGS: Mapping[str, AbstractEncoding] = MappingProxyType(
    {
        "differential": Differential(),
        "offset": Offset(),
        "twos_complement": TwosComplement(),
    }
)
