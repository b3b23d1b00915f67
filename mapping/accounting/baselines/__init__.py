"""Mappings to compare with: each a function from our mapping to theirs, one file each.

A new baseline is one file here and one row of `BASELINES`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mapping.accounting.baselines.dense_inter import dense_inter as dense_inter
from mapping.accounting.baselines.dense_intra import dense_intra as dense_intra
from mapping.accounting.baselines.isaac import isaac as isaac
from mapping.accounting.baselines.smaller_codes import smaller_codes as smaller_codes
from mapping.config import MappingConfig

BASELINES: Mapping[str, Callable[[MappingConfig], MappingConfig]] = MappingProxyType(
    {"dense_inter": dense_inter, "dense_intra": dense_intra, "isaac": isaac, "smaller_codes": smaller_codes}
)
