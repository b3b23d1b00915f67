"""Fused paths of torch's transformer modules, which read the weights of their layers instead of calling them."""

from torch import nn

_SWITCHES = {
    nn.TransformerEncoderLayer: ("activation_relu_or_gelu", 0),
    nn.TransformerEncoder: ("use_nested_tensor", False),
}
"""The setting of each module that keeps it from its fused path."""


def leave_fused_path(module: nn.Module) -> None:
    """Let a transformer module call its layers, whatever they are now."""
    for kind, (name, off) in _SWITCHES.items():
        if isinstance(module, kind) and not hasattr(module, "_fused_before"):
            module._fused_before = getattr(module, name)
            setattr(module, name, off)


def return_to_fused_path(module: nn.Module) -> None:
    """Undo `leave_fused_path`."""
    for kind, (name, _) in _SWITCHES.items():
        if isinstance(module, kind) and hasattr(module, "_fused_before"):
            setattr(module, name, module._fused_before)
            del module._fused_before
