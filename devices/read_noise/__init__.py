"""How a conductance differs from read to read."""

from devices.read_noise.affine import AffineReadNoise as AffineReadNoise
from devices.read_noise.base import AbstractReadNoise as AbstractReadNoise
from devices.read_noise.one_over_f import OneOverFReadNoise as OneOverFReadNoise
from devices.read_noise.relative import RelativeReadNoise as RelativeReadNoise
from devices.read_noise.saturating import SaturatingReadNoise as SaturatingReadNoise
from devices.read_noise.telegraph import TelegraphReadNoise as TelegraphReadNoise
from devices.read_noise.thermal_shot import ThermalShotReadNoise as ThermalShotReadNoise
