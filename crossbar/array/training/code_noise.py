"""Weights as training sees them: quantised, and deviating as a freshly programmed chip would."""

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.array.programming import target_conductance
from crossbar.config import CrossbarConfig
from crossbar.converters import straight_through
from devices import Device, ExactProgramming
from devices.randomness import normal_in_layout
from mapping import map_weight, scatter_cells


def code_spread(config: CrossbarConfig) -> Tensor:
    """Return the standard deviation that device noise gives each signed code, in codes, (2^weight_bits - 1,).

    Entry `code + largest` adds programming error and read noise right after programming over the cells of the code; what
    reference columns add, the same for all outputs of an array and up to as much again, is left out.
    """
    quantizer, device = config.mapping.effective_quantizer(), config.device
    largest = 2**quantizer.magnitude_bits - 1
    codes = torch.arange(-largest, largest + 1, dtype=torch.int32)[:, None]
    planes = config.mapping.sign_encoding.planes(codes, quantizer.magnitude_bits, config.mapping.cell_bits)
    variance = torch.zeros(len(codes))
    for levels, significance, bits in zip(planes.levels[..., 0], planes.significance, planes.bits, strict=True):
        step = device.window.span / (2**bits - 1)
        variance += (significance / step) ** 2 * _cell_variance(device, device.g_min + levels * step)
    return variance.sqrt()


def training_weight(weight: Tensor, config: CrossbarConfig, spread_of_code: Tensor, *, groups: int = 1) -> Tensor:
    """Return a weight matrix (inputs, outputs) quantised and with fresh device noise; gradients pass straight through.

    Without the quantiser of `config.training`, weights keep their values and get the noise of the nearest code.

    Parameters
    ----------
    weight
        Ideal weights, (inputs, outputs).
    config
        Quantiser, encoding, device.
    spread_of_code
        Table of `code_spread`.
    groups
        Independent blocks of the matrix.
    """
    with torch.no_grad():
        if config.mapping.squeezed_planes:
            seen = _squeezed_weight(weight, config, groups=groups)
        else:
            quantized = config.mapping.effective_quantizer().quantize(weight)
            seen = quantized.codes.to(weight.dtype)
            if not config.training.quantizer:
                seen = torch.where(quantized.scale > 0, weight / quantized.scale, seen)
            if _noisy(config.device):
                spread = spread_of_code.to(weight.dtype)[quantized.codes + len(spread_of_code) // 2]
                seen.addcmul_(spread, normal_in_layout(spread))
            seen *= quantized.scale
    return straight_through(weight, seen)


def _noisy(device: Device) -> bool:
    """Return whether cells deviate from their targets at all."""
    return device.read_noise is not None or not isinstance(device.programming, ExactProgramming)


def _squeezed_weight(weight: Tensor, config: CrossbarConfig, *, groups: int) -> Tensor:
    """Return the weight that squeezed arrays store, with the noise of their own cells, shifted rows' cells amplified."""
    placement = map_weight(weight, config.mapping, groups=groups)
    codes = placement.to_codes().to(weight.dtype)
    device = config.device
    if _noisy(device):
        variance = _cell_variance(device, target_conductance(placement, device))
        factor = column_factor(placement, device)
        spread = scatter_cells(placement, variance, weight=factor * factor, power=2).sqrt()
        codes = codes + spread * normal_in_layout(codes)
    return codes * placement.scale


def _cell_variance(device: Device, conductance: Tensor) -> Tensor:
    """Return the variance of cells programmed to `conductance` [S^2]: programming error and read noise."""
    variance = device.programming.sigma(conductance, device.window) ** 2
    if device.read_noise is None:
        return variance
    noise = device.read_noise.sigma(conductance, target=conductance, window=device.window, t=0.0)
    return variance + noise**2
