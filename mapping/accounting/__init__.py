"""What a mapping costs: arrays, cells, conversions and cycles, next to named baselines."""

from mapping.accounting.baselines import BASELINES as BASELINES
from mapping.accounting.bit_density import bit_density as bit_density
from mapping.accounting.bit_density import code_bit_density as code_bit_density
from mapping.accounting.dense import dense_footprint as dense_footprint
from mapping.accounting.footprint import Footprint as Footprint
from mapping.accounting.footprint import footprint as footprint
