"""Random layers, inputs and configs, each from one seed."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

import crossbar as xb
import devices
import mapping
from tests.reference.layers import Geometry
from tests.reference.weights import tied_weights


@dataclass(frozen=True)
class Case:
    """One layer, one input, one technology."""

    layer: nn.Module
    geometry: Geometry | None
    x: torch.Tensor
    config: xb.CrossbarConfig
    time: float
    """When the chip is read [s]."""
    compensated: bool
    """Whether a factor makes up for drift."""
    affine: bool
    """Whether outputs are fitted to those of the digital layer."""


def case(seed):
    """Return the case of a seed."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer, geometry, shape = _layer(rng)
        _shape_weights(layer, rng)
        x = _inputs(rng, shape)
    config = None
    while config is None:
        try:
            config = _config(rng, groups=1 if geometry is None else geometry.groups)
        except ValueError:  # parts that do not go together
            continue
    config, x = _as_spikes(seed, config, x)
    _move_ties(layer.weight.data, config.mapping)
    time = 0.0 if config.device.drift is None or rng.random() < 0.3 else float(10 ** rng.uniform(0, 6))
    return Case(layer, geometry, x, config, time, compensated=bool(rng.random() < 0.3), affine=bool(rng.random() < 0.2))


def _move_ties(weight, placed):
    """Move weights half way between two codes away from there."""
    matrix = weight.view(len(weight), -1).t()
    for _ in range(20):
        tied = tied_weights(matrix.double().numpy(), placed, 2e-4)
        if not tied.any():
            return
        matrix[torch.from_numpy(tied)] *= 0.97


def _pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def _layer(rng):
    bias = bool(rng.random() < 0.5)
    kind = _pick(rng, "linear", "linear", "conv1d", "conv2d", "conv2d", "conv3d")
    if kind == "linear":
        inputs, outputs = int(rng.integers(1, 18)), int(rng.integers(1, 8))
        return nn.Linear(inputs, outputs, bias=bias), None, (int(rng.integers(1, 5)), inputs)
    dimensions = int(kind[-2])
    groups = int(rng.integers(1, 4))
    channels, outputs = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))

    def sizes(low, high):
        """Return one number per dimension."""
        return tuple(int(number) for number in rng.integers(low, high, dimensions))

    kernel, stride, dilation = sizes(1, 4 if dimensions == 1 else 3), sizes(1, 3), sizes(1, 3)
    mode = _pick(rng, "zeros", "zeros", "reflect", "replicate", "circular")
    padding = sizes(0, 3)
    if rng.random() < 0.2:
        padding, stride = "same", (1,) * dimensions
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pairs = tuple((amount // 2, amount - amount // 2) for amount in total)
    else:
        pairs = tuple((amount, amount) for amount in padding)
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1](
        channels,
        outputs,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        padding_mode=mode,
    )
    geometry = Geometry(kernel, stride, dilation, pairs, mode, groups)
    reach = [max(d * (k - 1) + 1, 3) for d, k in zip(dilation, kernel, strict=True)]
    return layer, geometry, (int(rng.integers(1, 4)), channels, *(size + int(rng.integers(0, 3)) for size in reach))


def _shape_weights(layer, rng):
    """Prune single weights, whole outputs, or one sign."""
    weight = layer.weight.data
    kind = _pick(rng, "dense", "dense", "dense", "sparse", "row", "one sign", "zero")
    if kind == "sparse":
        weight[torch.rand(weight.shape) < 0.7] = 0
    elif kind == "row":
        weight[0] = 0
    elif kind == "one sign":
        weight.abs_().mul_(_pick(rng, 1, -1))
    elif kind == "zero" and rng.random() < 0.3:
        weight.zero_()
    weight *= float(_pick(rng, 1.0, 1e-3, 30.0))


def _inputs(rng, shape):
    """Return inputs with some zeros, some zero vectors, of one sign or both."""
    x = torch.randn(shape) * float(_pick(rng, 1.0, 1e-2, 50.0))
    kind = _pick(rng, "signed", "signed", "relu", "negative", "sparse", "one hot")
    if kind == "relu":
        x.clamp_(min=0)
    elif kind == "negative":
        x = -x.abs()
    elif kind == "sparse":
        x[torch.rand(shape) < 0.8] = 0
    elif kind == "one hot":
        flat = x.flatten(1)
        keep = int(rng.integers(flat.shape[1]))
        x = torch.zeros_like(flat).index_fill_(1, torch.tensor([keep]), float(rng.normal())).view(shape)
    if rng.random() < 0.3:
        x[0] = 0
    return x


def _as_spikes(seed, config, x):
    """Make every ninth case one of spikes: pulses of one bit, inputs of one height and either sign."""
    if seed % 9 or config.inputs.negative == "offset":
        return config, x
    inputs = replace(config.inputs, bits=1, dac_bits=None)
    height = 1.0 if config.inputs.maximum is not None else 0.7
    try:
        return replace(config, inputs=inputs), x.sign() * height
    except ValueError:  # parts that do not go together
        return config, x


def _device(rng):
    g_min = float(_pick(rng, 0.0, 0.0, 2e-6, 2e-5))
    if rng.random() < 0.4:
        return devices.Device(g_min=g_min, g_max=1e-4)
    return devices.Device(
        g_min=g_min,
        g_max=1e-4,
        programming=devices.LognormalProgramming(log_spread=0.05) if rng.random() < 0.7 else devices.ExactProgramming(),
        read_noise=_pick(rng, None, devices.RelativeReadNoise(ratio=0.05, draw="programming")),
        drift=_pick(rng, None, devices.PowerLawDrift(nu=0.05, nu_spread=0.02)),
        stuck=_pick(rng, None, devices.StuckCells(at_g_min=0.03, at_g_max=0.03, open=0.03)),
    )


def _wires(rng):
    if rng.random() < 0.4:
        return xb.Wires()

    def resistance():
        """Return a resistance [ohm]."""
        return float(_pick(rng, 0.0, 0.5, 20.0, 300.0))

    return xb.Wires(row=resistance(), column=resistance(), driver=resistance(), sense=resistance())


def _quantizer(rng):
    """Return a quantiser of its own in a third of the cases."""
    granularity = _pick(rng, "tensor", "output")
    bits = int(rng.integers(1, 8))
    return _pick(
        rng,
        *(None,) * 8,
        mapping.SMECodebook(bits=bits, window=int(rng.integers(1, bits + 1)), granularity=granularity),
        mapping.PowerOfTwoQuantizer(bits=bits, granularity=granularity),
        mapping.AdditivePowersOfTwoQuantizer(terms=int(rng.integers(1, 3)), granularity=granularity),
        mapping.TernaryQuantizer(scale="max", granularity=granularity),
    )


def _config(rng, *, groups):
    quantizer = _quantizer(rng)
    weight_bits = int(rng.integers(2, 9)) if quantizer is None else quantizer.magnitude_bits + 1
    cell_bits = int(rng.integers(1, min(weight_bits, 5) + 1))
    encoding = _pick(rng, "differential", "differential", "offset", "twos_complement")
    stored = weight_bits if encoding == "offset" else weight_bits - 1
    cells = -(-stored // cell_bits)
    squeezed = 0 if rng.random() < 0.6 else stored - cell_bits * int(rng.integers(1, cells + 1))
    reference = encoding == "offset" and bool(rng.random() < 0.4)
    packed = groups > 1 and not reference and bool(rng.random() < 0.5)
    most = 40 if packed else 11
    placed = xb.MappingConfig(
        weight_bits=weight_bits,
        cell_bits=cell_bits,
        rows=int(rng.integers(1, most)),
        cols=int(rng.integers(1, most)),
        group_packing=_pick(rng, "absent", "g_min") if packed else "none",
        quantizer=quantizer,
        encoding=encoding,
        slicing=_pick(rng, "inter", "intra") if squeezed <= 0 else "inter",
        reference_column=reference,
        granularity=_pick(rng, "tensor", "output"),
        row_order=_pick(rng, "given", "given", "sorted"),
        squeezed_planes=0 if reference else max(0, squeezed),
        pairs=_pick(rng, "arrays", "arrays", "bit_lines", "word_lines") if encoding == "differential" else "arrays",
        release_empty=not reference and bool(rng.random() < 0.3),
        merge_columns=not reference and bool(rng.random() < 0.2),
    )
    bits = _pick(rng, None, 2, 4, 6, 8)
    range_ = _pick(rng, "vector", "vector", "batch", "static")
    inputs = xb.InputConfig(
        bits=bits,
        dac_bits=None if bits is None else _pick(rng, None, 1, 2, bits),
        range=range_,
        read_voltage=_pick(rng, 0.2, 0.05),
        maximum=_pick(rng, None, 1.0) if range_ == "static" else None,
        negative=_pick(rng, "two_phase", "bipolar", "offset"),
    )
    return xb.CrossbarConfig(
        device=_device(rng),
        wires=_wires(rng),
        mapping=placed,
        inputs=inputs,
        adc=None if rng.random() < 0.35 else _adc(rng),
        plan=_pick(rng, "auto", "auto", "auto", "tiled", "collapsed"),
        parallel_rows=_pick(rng, None, None, 1, 2, 3, 5),
        undriven=_pick(rng, "grounded", "open"),
        chunk=_pick(rng, 2**20, 64),
    )


def _adc(rng):

    def spread(size):
        """Return a spread of converters: each kind of error comes with and without the others."""
        return size * bool(rng.random() < 0.3)

    return xb.ADC(
        bits=int(rng.integers(2, 11)),
        range=_pick(rng, "full", "column", "calibrated"),
        fraction=float(_pick(rng, 1.0, 1.0, 0.4)),
        subtraction=_pick(rng, "digital", "analog"),
        gain_spread=spread(0.01),
        offset_spread=spread(0.6),
        nonlinearity_spread=spread(0.4),
    )
