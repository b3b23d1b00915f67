"""Networks people run, on arrays: `python -m benchmarks.networks [--rows 128] [--sme | --resnet 50 | --decoder]`.

Prints what MobileNet-v2 takes with groups in arrays of their own and packed, layer kind by layer kind. Instead, with

- `--sme`: what SME's mapping (arXiv 2103.01705) saves on MobileNet-v2 beside dense and ISAAC's, groups apart and packed;
- `--resnet 18` or `50` [`--wires`]: time to convert, to program, and to move the clock twice; memory;
- `--decoder`: a decoder with random weights (by default the 1.1 billion of TinyLlama's sizes) is made without memory, then
  materialised, programmed and frozen block by block, and reads one token; time, bytes per weight and peak memory.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from benchmarks.resnet import resnet
from benchmarks.timing import peak_memory
from mapping import SMECodebook, UniformQuantizer, footprint, map_weight
from mapping.accounting import BASELINES, dense_footprint

MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repetitions and first stride of each stage: table 2 of arXiv 1801.04381."""


class Inverted(nn.Module):
    """One inverted residual block: expand, depthwise, project (section 3.3 of arXiv 1801.04381)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = convolution(inputs, hidden) if expansion > 1 else []
        layers += convolution(hidden, hidden, kernel=3, stride=stride, groups=hidden)
        self.layers = nn.Sequential(*layers, *convolution(hidden, outputs)[:-1])
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        """Return (batch, outputs, height, width)."""
        return x + self.layers(x) if self.residual else self.layers(x)


def convolution(inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution, its batch norm and its ReLU6."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU6()]


def mobilenet_v2(classes: int = 1000) -> nn.Sequential:
    """Return MobileNet-v2 (arXiv 1801.04381) with random weights: 3.5 million parameters."""
    layers, channels = convolution(3, 32, kernel=3, stride=2), 32
    for expansion, outputs, repetitions, first in MOBILENET_V2:
        for number in range(repetitions):
            layers.append(Inverted(channels, outputs, stride=1 if number else first, expansion=expansion))
            channels = outputs
    layers += [*convolution(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(1280, classes))


class Shape(NamedTuple):
    """The weight matrix of a layer."""

    kind: str
    inputs: int
    """Inputs of one group."""
    outputs: int
    groups: int


def shapes(model: nn.Module) -> Iterator[Shape]:
    """Yield the weight matrices of convolutions and linear layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            kind = "depthwise" if module.groups > 1 else "pointwise" if module.kernel_size == (1, 1) else "first"
            yield Shape(kind, module.weight[0].numel(), module.out_channels, module.groups)
        elif isinstance(module, nn.Linear):
            yield Shape("linear", module.in_features, module.out_features, 1)


def count_mobilenet(config: xb.MappingConfig) -> None:
    """Print arrays and utilisation of every kind of layer, by packing of groups."""
    model, cycles = mobilenet_v2(), xb.InputConfig(bits=8).cycles
    print(f"{'arrays (utilisation)':24}" + "".join(f"{name:>20}" for name in ("none", "absent")))
    totals = dict.fromkeys(("none", "absent"), 0)
    for kind in ("first", "depthwise", "pointwise", "linear"):
        line = f"{kind:24}"
        for packing in totals:
            packed = replace(config, group_packing=packing)
            found = [
                dense_footprint(packed, inputs=s.inputs, outputs=s.outputs, groups=s.groups, cycles=cycles)
                for s in shapes(model)
                if s.kind == kind
            ]
            arrays, cells = sum(f.crossbars for f in found), sum(f.cells for f in found)
            totals[packing] += arrays
            line += f"{arrays:>10} ({100 * cells / arrays / config.rows / config.cols:6.2f} %)"
        print(line)
    print(f"{'all':24}" + "".join(f"{total:>10}{'':10}" for total in totals.values()))


def count_sme(size: int) -> None:
    """Print arrays, conversions and cycles of MobileNet-v2 in several mappings, groups apart and packed."""
    torch.manual_seed(0)
    weights = [
        (module.weight.detach().flatten(1).t(), getattr(module, "groups", 1))
        for module in mobilenet_v2().modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    dense = xb.MappingConfig(weight_bits=9, cell_bits=1, rows=size, cols=size, quantizer=UniformQuantizer(bits=9))
    sme = replace(dense, quantizer=SMECodebook(bits=8, window=3))
    mappings = {"dense inter": dense, "dense intra": BASELINES["dense_intra"](dense)}
    # ISAAC's unit column belongs to all word lines of an array: packed, its offset is subtracted as a number.
    mappings["ISAAC, 16 bits in 2-bit cells"] = replace(BASELINES["isaac"](dense), reference_column=False)
    mappings |= {f"SME (8, 3), squeezed by {planes}": replace(sme, squeezed_planes=planes) for planes in (3, 4, 5)}
    mappings |= {f"uniform 8, squeezed by {planes}": replace(dense, squeezed_planes=planes) for planes in (3, 4, 5)}
    print(f"MobileNet-v2, random weights, {size}x{size} arrays; conversions of one read of every layer, thousands")
    print(f"{'mapping':32}" + "".join(f"{name:>24}" for name in ("groups apart", "packed")))
    for name, mapping in mappings.items():
        line = f"{name:32}"
        for packing in ("none", "absent"):
            packed = replace(mapping, group_packing=packing)
            found = [
                footprint(map_weight(weight, packed, groups=groups), xb.InputConfig(bits=8, dac_bits=1).cycles)
                for weight, groups in weights
            ]
            arrays, conversions = sum(f.crossbars for f in found), sum(f.adc_conversions for f in found)
            line += f"{arrays:>12}{conversions / 1e3:>12.0f}"
        print(line, flush=True)


def time_resnet(depth: int, *, wires: bool) -> None:
    """Print CPU and wall time of converting, programming and moving the clock of a ResNet, and its memory."""
    technology = xb.CrossbarConfig()
    if wires:
        drifting = devices.Device(g_min=2e-6, g_max=20e-6, drift=devices.PowerLawDrift(nu=0.04, nu_spread=0.01))
        technology = xb.CrossbarConfig(device=drifting, wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3))
    model = resnet(depth)
    before = peak_memory()
    steps = {
        "convert": lambda: xb.convert_to_analog(model, technology, inplace=True),
        "program": lambda: xb.program_analog_weights(model, seed=0),
        "to 1000 s": lambda: xb.drift_analog_weights(model, 1e3),
        "to 10000 s": lambda: xb.drift_analog_weights(model, 1e4),
    }
    for name, step in steps.items():
        cpu, wall = time.process_time(), time.perf_counter()
        step()
        spent = f"{time.process_time() - cpu:.1f} s CPU, {time.perf_counter() - wall:.1f} s wall"
        print(f"ResNet-{depth}, {name}: {spent}, {torch.get_num_threads()} threads", flush=True)
    tiles = sum(layer.array.placement.tiles for layer in xb.analog_layers(model))
    print(f"{tiles} arrays; peak {peak_memory():.2f} GiB, {before:.2f} GiB of it before")


class Block(nn.Module):
    """One pre-norm decoder block with grouped-query attention and a gated feed-forward network, as Llama's."""

    def __init__(self, width: int, hidden: int, heads: int, key_heads: int) -> None:
        super().__init__()
        self.heads, self.key_heads, size = heads, key_heads, width // heads
        self.q_proj, self.o_proj = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, key_heads * size, bias=False) for _ in range(2))
        self.gate_proj, self.up_proj = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(hidden, width, bias=False)
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(2))

    def forward(self, x):
        """Return (batch, tokens, width)."""
        y = self.norms[0](x)
        query = self.q_proj(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = (p(y).unflatten(-1, (self.key_heads, -1)).transpose(1, 2) for p in (self.k_proj, self.v_proj))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        x = x + self.o_proj(mixed.transpose(1, 2).flatten(2))
        y = self.norms[1](x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


def freeze_decoder(blocks: int, width: int, hidden: int, vocabulary: int) -> None:
    """Convert, program and freeze a decoder block by block, read one token, and print time and memory."""
    start = time.perf_counter()
    with torch.device("meta"):
        layers = [Block(width, hidden, width // 64, max(1, width // 512)) for _ in range(blocks)]
        model = nn.Sequential(nn.Embedding(vocabulary, width), *layers, nn.Linear(width, vocabulary, bias=False))
    weights = sum(p.numel() for p in model.parameters())
    analog = xb.convert_to_analog(model.to(torch.bfloat16), xb.CrossbarConfig(), inplace=True).eval()
    for part in analog:
        part.to_empty(device="cpu")
        for p in part.parameters():
            nn.init.normal_(p, std=0.02) if p.ndim > 1 else nn.init.ones_(p)
        if not isinstance(part, nn.Embedding):
            xb.freeze_analog_weights(part, dtype=torch.bfloat16)
    done = time.perf_counter()
    with torch.no_grad():
        token = int(analog(torch.zeros(1, 1, dtype=torch.int64))[0, -1].argmax())
    held = sum(tensor.nbytes for tensor in (*analog.parameters(), *analog.buffers()))
    print(
        f"{weights / 1e6:.0f} M weights: made, programmed and frozen in {done - start:.0f} s, token {token} in "
        f"{time.perf_counter() - done:.1f} s; {held / weights:.2f} bytes per weight, peak {peak_memory():.2f} GiB"
    )


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--cols", type=int, default=128)
    parser.add_argument("--slicing", choices=("inter", "intra"), default="inter")
    parser.add_argument("--cell-bits", type=int, default=4)
    parser.add_argument("--sme", action="store_true")
    parser.add_argument("--resnet", type=int, choices=(18, 34, 50))
    parser.add_argument("--wires", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--decoder", action="store_true")
    parser.add_argument("--blocks", type=int, default=22)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=5632)
    parser.add_argument("--vocabulary", type=int, default=32000)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.sme:
        count_sme(arguments.rows)
        return
    if arguments.resnet:
        time_resnet(arguments.resnet, wires=arguments.wires)
        return
    if arguments.decoder:
        freeze_decoder(arguments.blocks, arguments.width, arguments.hidden, arguments.vocabulary)
        return
    count_mobilenet(
        xb.MappingConfig(
            rows=arguments.rows, cols=arguments.cols, slicing=arguments.slicing, cell_bits=arguments.cell_bits
        )
    )


if __name__ == "__main__":
    main()
