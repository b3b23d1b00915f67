"""Weight quantisers: one file each, all with the interface of `AbstractQuantizer`."""

from mapping.quantizers.additive_powers_of_two import AdditivePowersOfTwoQuantizer as AdditivePowersOfTwoQuantizer
from mapping.quantizers.base import AbstractQuantizer as AbstractQuantizer
from mapping.quantizers.base import QuantizedWeight as QuantizedWeight
from mapping.quantizers.base import fake_quantize as fake_quantize
from mapping.quantizers.base import quantize_weight as quantize_weight
from mapping.quantizers.power_of_two import PowerOfTwoQuantizer as PowerOfTwoQuantizer
from mapping.quantizers.sme_codebook import SMECodebook as SMECodebook
from mapping.quantizers.ternary import TernaryQuantizer as TernaryQuantizer
from mapping.quantizers.truncated_gaussian import TruncatedGaussianQuantizer as TruncatedGaussianQuantizer
from mapping.quantizers.uniform import UniformQuantizer as UniformQuantizer
