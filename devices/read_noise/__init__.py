"""How a conductance differs from read to read."""

from devices.read_noise.affine import AffineReadNoise as AffineReadNoise
from devices.read_noise.base import AbstractReadNoise as AbstractReadNoise
from devices.read_noise.relative import RelativeReadNoise as RelativeReadNoise
