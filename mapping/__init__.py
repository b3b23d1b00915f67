"""Weights to cells: quantisers, sign encodings, slicing and tiling, all ending in a `Placement`."""

from mapping.config import MappingConfig as MappingConfig
from mapping.encodings import ENCODINGS as ENCODINGS
from mapping.encodings import Planes as Planes
from mapping.map_weight import arrange as arrange
from mapping.map_weight import map_weight as map_weight
from mapping.map_weight import place_codes as place_codes
from mapping.merge_columns import merge_columns as merge_columns
from mapping.placement import Placement as Placement
from mapping.placement import cell_index as cell_index
from mapping.placement import gather_cells as gather_cells
from mapping.placement import integer_product as integer_product
from mapping.placement import scatter_cells as scatter_cells
from mapping.quantizers import AbstractQuantizer as AbstractQuantizer
from mapping.quantizers import AdditivePowersOfTwoQuantizer as AdditivePowersOfTwoQuantizer
from mapping.quantizers import PowerOfTwoQuantizer as PowerOfTwoQuantizer
from mapping.quantizers import QuantizedWeight as QuantizedWeight
from mapping.quantizers import SMECodebook as SMECodebook
from mapping.quantizers import TernaryQuantizer as TernaryQuantizer
from mapping.quantizers import UniformQuantizer as UniformQuantizer
from mapping.quantizers import fake_quantize as fake_quantize
from mapping.quantizers import quantize_weight as quantize_weight
from mapping.reference_columns import reference_share as reference_share
from mapping.reference_columns import subtract_references as subtract_references
from mapping.release import release_empty_tiles as release_empty_tiles
from mapping.row_order import sorted_rows as sorted_rows
from mapping.squeeze_out import squeeze_out as squeeze_out
