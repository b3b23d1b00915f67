"""Weights as training sees them: quantised, and deviating as a freshly programmed chip would."""

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.array.programming import target_conductance
from crossbar.config import CrossbarConfig
from devices import Device
from mapping import ENCODINGS, map_weight, quantize_weight, scatter_cells


def code_variance(config: CrossbarConfig) -> Tensor:
    """Return the variance that device noise gives each signed code, in squared code units, (2^weight_bits - 1,).

    Entry `code + largest` adds programming error and read noise right after programming over the cells of the code.
    """
    quantizer, device = config.mapping.effective_quantizer(), config.device
    largest = 2**quantizer.magnitude_bits - 1
    codes = torch.arange(-largest, largest + 1, dtype=torch.int32)[:, None]
    planes = ENCODINGS[config.mapping.encoding](codes, quantizer.magnitude_bits, config.mapping.cell_bits)
    variance = torch.zeros(len(codes))
    for levels, significance, bits in zip(planes.levels[..., 0], planes.significance, planes.bits, strict=True):
        step = device.window.span / (2**bits - 1)
        variance += (significance / step) ** 2 * _cell_variance(device, device.g_min + levels * step)
    return variance


def training_weight(weight: Tensor, config: CrossbarConfig, variance: Tensor, *, groups: int = 1) -> Tensor:
    """Return a weight matrix (inputs, outputs) quantised and with fresh device noise; gradients pass straight through.

    Parameters
    ----------
    weight
        Ideal weights, (inputs, outputs).
    config
        Quantiser, encoding, device.
    variance
        Table of `code_variance`.
    groups
        Independent blocks of the matrix.
    """
    with torch.no_grad():
        if config.mapping.squeezed_planes:
            seen = _squeezed_weight(weight, config, noisy=bool(variance.any()), groups=groups)
        else:
            quantized = quantize_weight(weight, config.mapping.effective_quantizer())
            spread = variance[(quantized.codes + len(variance) // 2).long()].sqrt()
            seen = (quantized.codes + spread * torch.randn_like(weight)) * quantized.scale
    return weight + (seen - weight).detach()


def _squeezed_weight(weight: Tensor, config: CrossbarConfig, *, noisy: bool, groups: int) -> Tensor:
    """Return the weight that squeezed arrays store, with the noise of their own cells, shifted rows' cells amplified."""
    placement = map_weight(weight, config.mapping, groups=groups)
    codes = placement.to_codes().to(weight.dtype)
    if noisy:
        device = config.device
        variance = _cell_variance(device, target_conductance(placement, device))
        factor = column_factor(placement, device)
        spread = scatter_cells(placement, variance, weight=factor * factor, power=2).sqrt()
        codes = codes + spread * torch.randn_like(codes)
    return codes * placement.scale


def _cell_variance(device: Device, conductance: Tensor) -> Tensor:
    """Return the variance of cells programmed to `conductance` [S^2]: programming error and read noise."""
    variance = device.programming.sigma(conductance, device.window) ** 2
    if device.read_noise is None:
        return variance
    noise = device.read_noise.sigma(conductance, target=conductance, window=device.window, t=0.0)
    return variance + noise**2
