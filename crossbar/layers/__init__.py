"""Analog layers: one file each; `ANALOG_LAYERS` is the table that conversion looks them up in."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from crossbar.layers.base import AbstractAnalogLayer as AbstractAnalogLayer
from crossbar.layers.conv1d import AnalogConv1d as AnalogConv1d
from crossbar.layers.conv2d import AnalogConv2d as AnalogConv2d
from crossbar.layers.conv3d import AnalogConv3d as AnalogConv3d
from crossbar.layers.linear import AnalogLinear as AnalogLinear

ANALOG_LAYERS: Mapping[type[nn.Module], type[AbstractAnalogLayer]] = MappingProxyType(
    {cls.digital_class: cls for cls in (AnalogLinear, AnalogConv1d, AnalogConv2d, AnalogConv3d)}
)
