"""Fresh read noise behind wires, in tiled and in sampled reads, against draws of cells that are solved here."""

import functools
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.collapse import effective_weight
from crossbar.parasitics import transfer_matrix

RATIO = 0.05
WIRES = {
    "weak": (24, xb.Wires(row=1.0, column=2.0, driver=200.0, sense=200.0)),
    "medium": (32, xb.Wires(row=5.0, column=10.0, driver=1000.0, sense=1000.0)),
    "strong": (40, xb.Wires(row=9.0, column=18.0, driver=1800.0, sense=1800.0)),
}
DRAWS, READS = 1000, 2000
DEVICE = xb.Device(g_min=2e-6, g_max=20e-6, read_noise=xb.devices.RelativeReadNoise(ratio=RATIO))
WHOLE = xb.InputConfig(bits=8)
PULSES = {"whole": WHOLE, "bits": replace(WHOLE, dac_bits=1), "signed": replace(WHOLE, negative="bipolar")}


STRONG = xb.Wires(row=10.0, column=20.0, driver=1500.0, sense=1500.0)
FINE_ANALOG = xb.ADC(bits=14, range="column", subtraction="analog")


def programmed(size, wires, *, inputs=WHOLE, bits=4, encoding="offset", **settings):
    """A layer of random 4-bit weights that fills one array (or two, of pairs), with as many rows as outputs."""
    mapping = xb.MappingConfig(weight_bits=bits, cell_bits=4, rows=size, cols=size, encoding=encoding)
    config = xb.CrossbarConfig(device=DEVICE, wires=wires, mapping=mapping, inputs=inputs, plan="tiled")
    torch.manual_seed(0)
    layer = xb.convert_to_analog(nn.Linear(size, size, bias=False), replace(config, **settings)).eval()
    layer.program(seed=0)
    return layer


def codes_of(kind, size, count=4):
    """Input codes (count, size), the config they are read with, and what they are."""
    random = torch.Generator().manual_seed(1)
    one_in_five = torch.stack([torch.randperm(size, generator=random) < size // 5 for _ in range(count)])
    values = {
        "random bits": torch.randint(0, 2, (count, size), generator=random),
        "whole codes": torch.randint(0, 256, (count, size), generator=random),
        "bit-serial codes": torch.randint(0, 256, (count, size), generator=random),
        "both signs": torch.randint(-127, 128, (count, size), generator=random),
        "all alike": torch.full((count, size), 200),
        "one in five": one_in_five * 200,
    }
    return values[kind].float(), PULSES[{"both signs": "signed", "bit-serial codes": "bits"}.get(kind, "whole")]


KINDS = ("random bits", "whole codes", "bit-serial codes", "both signs", "all alike", "one in five")


@functools.cache
@torch.no_grad()
def drawn_weights(name):
    """Effective weights of many draws of the cells, each solved, (DRAWS, inputs, outputs) in units of the outputs."""
    size, wires = WIRES[name]
    array = programmed(size, wires).array
    random = torch.Generator().manual_seed(2)
    weights = []
    for _ in range(DRAWS // 100):
        mean = array.cells.programmed.expand(100, -1, -1, -1)
        cells = (mean * (1 + RATIO * torch.randn(mean.shape, generator=random))).clamp(min=0)
        solved = transfer_matrix(cells, wires)
        weights += [effective_weight(array.placement, array.config.device, one, digital=False) for one in solved]
    return torch.stack(weights)


def pulses_of(codes, inputs):
    """Pulses (count, size) and what each is worth."""
    if inputs.dac_bits is None:
        return [(codes, 1.0)]
    whole = codes.to(torch.int64)
    return [((whole >> bit & 1).float(), 2.0**bit) for bit in range(8)]


def exact_spread(codes, inputs, weights):
    """Standard deviation of each output, and of all outputs of a vector together: pulses are noisy independently."""
    each = together = 0.0
    for pulse, worth in pulses_of(codes, inputs):
        currents = pulse @ weights  # (draws, count, outputs)
        each = each + worth**2 * currents.var(0)
        together = together + worth**2 * currents.sum(-1).var(0)
    return each.sqrt(), together.sqrt()


@torch.no_grad()
def read_spread(layer, codes, reads=READS):
    """The same of what the layer reads."""
    torch.manual_seed(3)
    many = codes.repeat(reads, 1)
    outputs = layer.array.read_vectors(many, digital=False).view(reads, len(codes), -1)
    return outputs.std(0), outputs.sum(-1).std(0)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("kind", KINDS)
def test_tiled_reads_have_the_spread_of_the_circuit(kind, name):
    """Each output within 5 % but for sampling (four standard errors of both draws), on the mean within 2.5 %."""
    size, wires = WIRES[name]
    codes, inputs = codes_of(kind, size)
    layer = programmed(size, wires, inputs=inputs)
    assert float(wires.coupling(layer.array.cells.programmed[0])) < 2.1
    exact, exact_sum = exact_spread(codes, inputs, drawn_weights(name))
    found, found_sum = read_spread(layer, codes)
    ratio = found / exact
    sampling = 4 * (1 / (2 * DRAWS) + 1 / (2 * READS)) ** 0.5
    assert abs(float(ratio.mean()) - 1) < 0.025
    assert float((ratio - 1).abs().max()) < 0.05 + sampling
    # The variance of the sum of all outputs, 0.4 to 0.9 of what independent ones have: within 10 % but for sampling.
    assert float((found_sum / exact_sum).square().mean()) == pytest.approx(1, abs=0.10 + sampling)
    if name == "strong":
        assert float((exact_sum.square() / exact.square().sum(-1)).max()) < 0.6


def test_a_sampled_read_is_the_circuit():
    """Mean and spread of each output, and of their sum, are those of draws that are solved here."""
    size, wires = WIRES["weak"]
    codes, inputs = codes_of("whole codes", size, count=1)
    layer = programmed(size, wires, inputs=inputs, plan="sampled")
    assert layer.plan.kind == "sampled"
    weights = drawn_weights("weak")
    each, together = exact_spread(codes, inputs, weights)
    found, sums = read_spread(layer, codes, reads=500)
    sampling = 4 * (1 / (2 * DRAWS) + 1 / (2 * 500)) ** 0.5
    torch.testing.assert_close(found, each, rtol=sampling, atol=0)
    torch.testing.assert_close(sums, together, rtol=sampling, atol=0)
    torch.manual_seed(4)
    mean = layer.array.read_vectors(codes.repeat(500, 1), digital=False).mean(0)
    assert ((mean - (codes @ weights).mean(0)).abs() < 4 * each * (1 / 500 + 1 / DRAWS) ** 0.5).all()


ARRANGEMENTS = {
    "bits through pairs": ("bit-serial codes", {"encoding": "differential"}, {"adc": FINE_ANALOG}),
    "pairs": ("whole codes", {"encoding": "differential"}, {}),
    "pairs on word lines": ("both signs", {"encoding": "differential", "pairs": "word_lines"}, {}),
    "analog subtraction": ("whole codes", {"encoding": "differential"}, {"adc": FINE_ANALOG}),
    "analog subtraction of both signs": ("both signs", {"encoding": "differential"}, {"adc": FINE_ANALOG}),
    "slices": ("random bits", {"cell_bits": 2}, {"adc": xb.ADC(bits=14, range="column")}),
    "squeezed": ("whole codes", {"cell_bits": 1, "squeezed_planes": 1}, {}),
    "units, grounded": ("whole codes", {}, {"parallel_rows": 6}),
    "units, open": ("whole codes", {}, {"parallel_rows": 6, "undriven": "open"}),
    "reference column": ("whole codes", {"reference_column": True}, {}),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_tiled_reads_have_the_spread_of_sampled_reads(name):
    """Outputs of every arrangement: within 5 % on the mean of 40, where 300 draws each have a standard error of 0.9 %."""
    kind, mapping, settings = ARRANGEMENTS[name]
    mapping = {"weight_bits": 4, "cell_bits": 4, "rows": 12, "cols": 12, "encoding": "offset"} | mapping
    settings = {"mapping": xb.MappingConfig(**mapping)} | settings
    codes, inputs = codes_of(kind, 20, count=2)
    spreads = []
    for plan in ("tiled", "sampled"):
        layer = programmed(20, STRONG, inputs=inputs, plan=plan, **settings)
        spreads.append(read_spread(layer, codes, reads=300))
    ratio, ratio_sum = (tiled / sampled for tiled, sampled in zip(*spreads, strict=True))
    assert float(ratio.mean()) == pytest.approx(1, abs=0.05)
    assert float((ratio - 1).abs().max()) < 0.05 + 4 * 300**-0.5
    assert float((ratio_sum - 1).abs().max()) < 0.05 + 4 * 300**-0.5


def test_sampled_reads_take_noise_that_is_not_normal():
    """Telegraph noise finds each cell in one of two states: two cells that add up have three."""
    noise = xb.devices.TelegraphReadNoise(on_fraction=0.5, amplitude=0.2)
    layer = programmed(1, xb.Wires(), plan="sampled", encoding="offset", device=replace(DEVICE, read_noise=noise))
    torch.manual_seed(0)
    assert len(layer.array.read_vectors(torch.full((50, 1), 3.0), digital=False).unique()) == 2
    with pytest.raises(ValueError, match="plan='sampled'"):
        programmed(1, xb.Wires(), device=replace(DEVICE, read_noise=noise))


def test_sampled_reads_follow_the_generator_and_need_noise():
    codes, _ = codes_of("whole codes", 20)
    layer = programmed(20, STRONG, plan="sampled")
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(layer.array.read_vectors(codes))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    with pytest.raises(ValueError, match="needs a device whose `read_noise` has draw='read'"):
        xb.CrossbarConfig(plan="sampled")
    for draw in (None, xb.devices.RelativeReadNoise(ratio=0.1, draw="programming")):
        with pytest.raises(ValueError, match="Use plan='tiled' or 'auto'"):
            xb.CrossbarConfig(device=replace(DEVICE, read_noise=draw), plan="sampled")


def test_sampled_reads_survive_saving_moving_and_chunks():
    codes, _ = codes_of("whole codes", 10, count=1)
    layer, other, moved = (programmed(10, STRONG, plan="sampled", chunk=chunk) for chunk in (2**20, 1, 2**20))
    other.load_state_dict(programmed(10, STRONG, plan="sampled", chunk=1).state_dict())
    moved.double()
    spreads = [read_spread(one, codes, reads=150)[0].float() for one in (layer, other, moved)]
    for spread in spreads[1:]:
        torch.testing.assert_close(spread, spreads[0], rtol=4 * 150**-0.5, atol=0)
