"""Analog layers: one file each, looked up by conversion in the two tables at the end."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from crossbar.layers.base import AbstractAnalogLayer as AbstractAnalogLayer
from crossbar.layers.composite import AbstractComposite as AbstractComposite
from crossbar.layers.conv1d import AnalogConv1d as AnalogConv1d
from crossbar.layers.conv2d import AnalogConv2d as AnalogConv2d
from crossbar.layers.conv3d import AnalogConv3d as AnalogConv3d
from crossbar.layers.conv_transpose1d import AnalogConvTranspose1d as AnalogConvTranspose1d
from crossbar.layers.conv_transpose2d import AnalogConvTranspose2d as AnalogConvTranspose2d
from crossbar.layers.conv_transpose3d import AnalogConvTranspose3d as AnalogConvTranspose3d
from crossbar.layers.linear import AnalogLinear as AnalogLinear
from crossbar.layers.multihead_attention import DecomposedAttention as DecomposedAttention
from crossbar.layers.recurrent import DecomposedRecurrent as DecomposedRecurrent
from crossbar.layers.recurrent_cell import DecomposedRecurrentCell as DecomposedRecurrentCell

AnalogMultiheadAttention = DecomposedAttention
"""Its name in version 0.1."""
AnalogRecurrent = DecomposedRecurrent
"""Its name in version 0.1."""

ANALOG_LAYERS: Mapping[type[nn.Module], type[AbstractAnalogLayer]] = MappingProxyType(
    {
        cls.digital_class: cls
        for cls in (
            AnalogLinear,
            AnalogConv1d,
            AnalogConv2d,
            AnalogConv3d,
            AnalogConvTranspose1d,
            AnalogConvTranspose2d,
            AnalogConvTranspose3d,
        )
    }
)
"""Layers with one weight matrix, by the `torch.nn` class that each replaces."""

COMPOSITE_LAYERS: Mapping[type[nn.Module], type[AbstractComposite]] = MappingProxyType(
    {
        digital: cls
        for cls in (DecomposedRecurrent, DecomposedRecurrentCell, DecomposedAttention)
        for digital in cls.digital_classes
    }
)
"""Modules that are rebuilt around one layer per matrix, by the `torch.nn` class that each replaces."""
