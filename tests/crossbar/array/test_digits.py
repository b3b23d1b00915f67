"""Real conductances as digits of whole numbers, against products in float64 and against reads in floating point."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.array.drive import DriveSettings, LineRun
from crossbar.array.reads.tiled import digits
from crossbar.array.reads.tiled.digits import in_digits, join_digits
from crossbar.array.reads.tiled.product import multiplies_bytes, product
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables
from devices import RelativeReadNoise

CONFIG = xb.CrossbarConfig(
    device=replace(xb.devices.Ideal, g_min=2e-6, g_max=20e-6),
    wires=xb.Wires(row=2.0, column=4.0, driver=200.0, sense=200.0),
    mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=64, cols=64),
    inputs=xb.InputConfig(bits=8, dac_bits=1),
    adc=xb.ADC(bits=8),
)
VARIANTS = {
    "bits": CONFIG,
    "pulses of two bits": replace(CONFIG, inputs=xb.InputConfig(bits=8, dac_bits=2)),
    "pulses of either sign": replace(CONFIG, inputs=xb.InputConfig(bits=7, dac_bits=1, negative="bipolar")),
    "offset inputs": replace(CONFIG, inputs=xb.InputConfig(bits=6, dac_bits=3, negative="offset")),
    "subtracted pairs": replace(CONFIG, adc=xb.ADC(bits=8, subtraction="analog")),
    "operation units": replace(CONFIG, mapping=replace(CONFIG.mapping, rows=128), parallel_rows=64),
    "many rows": replace(CONFIG, mapping=replace(CONFIG.mapping, rows=512)),
    "programming errors": replace(CONFIG, wires=xb.Wires(), device=replace(xb.devices.RRAM_WAN_2022, read_noise=None)),
    "float64": replace(CONFIG),
}


@pytest.fixture(autouse=True)
def _bytes_are_fast(monkeypatch):
    """Products of bytes are exact wherever they exist, on machines, too, where they are slow."""
    if not multiplies_bytes():
        pytest.skip("this torch has no products of bytes")
    monkeypatch.setattr(digits, "_has_byte_products", lambda: True)


def tables_of(matrix, variance=None):
    """One block of conversions (conversions, rows), of which each feeds an output of its own."""
    conversions, rows = matrix.shape
    tables = ReadTables(
        matrix=matrix,
        variance=variance,
        output=torch.arange(conversions),
        factor=torch.ones(conversions),
        adc_offset=None,
        adc_bow=None,
        row_index=torch.arange(rows)[None],
        row_shift=torch.zeros(1, rows, dtype=torch.int64),
    )
    lines = LineRun(first=0, blocks=1, first_row=0, inputs=0, shifted=False, cycles=1)
    return tables, BlockRun(lines=lines, first=0, conversions=conversions, segments=((0, conversions, 0),))


def settings(pulse_bits):
    """Pulses of so many bits, read in one cycle."""
    return DriveSettings(
        pulse_bits=pulse_bits, code_bits=pulse_bits, cycles=1, input_offset=0, two_phase=True, bipolar=False
    )


def multiplied(matrix, pulses, pulse_bits, variance=None):
    """Return currents and variances of pulses (rows, columns) through digits."""
    tables, run = tables_of(matrix, variance)
    cut = in_digits(tables, settings(pulse_bits))
    assert cut.matrix.dtype == torch.int8
    currents, spread = join_digits(product(run.rows_of(cut.matrix), pulses[None].to(torch.int8)), cut, run)
    return currents[0], None if spread is None else spread[0]


@given(
    rows=st.integers(64, 1024),
    pulse_bits=st.integers(1, 4),
    exponent=st.integers(-20, 6),
    signed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_products_are_those_of_float64(rows, pulse_bits, exponent, signed, seed):
    """To 3e-7 of the largest sum of a bit line, which is what a sum in float32 has, too."""
    rows = min(rows, 1024 // (2**pulse_bits - 1))
    random = torch.Generator().manual_seed(seed)
    matrix = torch.rand(16, rows, generator=random) ** 4 * 10.0**exponent
    if signed:
        matrix = matrix * torch.randn(16, rows, generator=random).sign()
    matrix[3] = 0
    matrix[4, 1:] = 0
    matrix[5] = matrix[5].abs().max()
    pulses = torch.randint(0, 2**pulse_bits, (rows, 9), generator=random)
    pulses[:, 0] = 2**pulse_bits - 1
    currents, _ = multiplied(matrix, pulses, pulse_bits)
    exact = matrix.double() @ pulses.double()
    reach = matrix.double().abs().sum(1, keepdim=True) * (2**pulse_bits - 1)
    assert ((currents.double() - exact).abs() <= 3e-7 * reach).all()


@pytest.mark.parametrize("ratio", [1, 10, 100])
def test_variances_come_along(ratio):
    """Within 0.3 % of the standard deviation of bits, cells of any spread of conductance."""
    torch.manual_seed(0)
    conductance = (torch.rand(20, 128) * (1 - 1 / ratio) + 1 / ratio) * 20e-6
    variance = (0.02 * conductance).square()
    pulses = torch.randint(0, 2, (128, 200))
    _, spread = multiplied(conductance, pulses, 1, variance)
    exact = (variance.double() @ pulses.double()).sqrt()
    assert spread.sqrt().double() / exact == pytest.approx(1, abs=3e-3)


def analog(config, kind=torch.float32):
    """Return a programmed layer of 100 inputs, and inputs of both signs."""
    torch.manual_seed(0)
    layer = nn.Linear(100, 40, dtype=kind)
    layer = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(layer, seed=0)
    return layer, torch.randn(33, 100, dtype=kind)


@pytest.mark.parametrize("name", VARIANTS)
def test_reads_are_those_in_floating_point(name, monkeypatch):
    """But for currents that lie so near between two codes that float32 rounds them either way."""
    kind = torch.float64 if name == "float64" else torch.float32
    layer, x = analog(VARIANTS[name], kind)
    assert layer.array.reader.matrix.dtype == (torch.float64 if name == "float64" else torch.int8)
    read = layer(x)
    monkeypatch.setattr(digits, "_has_byte_products", lambda: False)
    floating, _ = analog(VARIANTS[name], kind)
    assert floating.array.reader.matrix.is_floating_point()
    expected = floating(x)
    assert (read == expected).double().mean() > 0.98
    torch.testing.assert_close(read, expected, rtol=0, atol=0.01 * float(expected.detach().abs().max()))


@pytest.mark.parametrize("name", ["bits", "subtracted pairs", "operation units", "pulses of either sign"])
def test_the_same_codes_whatever_batch_and_chunk(name):
    layer, x = analog(VARIANTS[name])
    small, _ = analog(replace(VARIANTS[name], chunk=1000))
    read = layer(x)
    assert torch.equal(small(x), read)
    assert torch.equal(torch.cat([layer(one[None]) for one in x]), read)


@pytest.mark.parametrize("pulse_bits", [1, 2])
def test_noise_spreads_as_in_floating_point(pulse_bits, monkeypatch):
    noisy = replace(CONFIG.device, read_noise=RelativeReadNoise(ratio=0.05, draw="read"))
    config = replace(CONFIG, device=noisy, inputs=xb.InputConfig(bits=4, dac_bits=pulse_bits), adc=xb.ADC(bits=12))
    spreads = []
    for fast in (True, False):
        monkeypatch.setattr(digits, "_has_byte_products", lambda fast=fast: fast)
        layer, x = analog(config)
        assert layer.array.reader.matrix.is_floating_point() is not fast
        spreads.append(layer(x[:1].expand(4000, -1)).detach().std(0))
    assert float((spreads[0] / spreads[1]).mean()) == pytest.approx(1, abs=0.01)  # 40 outputs of 4 000 draws: 0.3 %


def test_blocks_too_small_stay_in_floating_point():
    for shape in ((3, 100), (100, 20)):
        tables, _ = tables_of(torch.rand(shape))
        assert in_digits(tables, settings(1)) is tables


def test_pulses_too_large_stay_in_floating_point():
    tables, _ = tables_of(torch.rand(30, 100))
    assert in_digits(tables, settings(4)) is tables  # 15 times 100 rows
    assert in_digits(tables, settings(0)) is tables


def test_gradients_and_checkpoints_are_those_of_any_read():
    layer, x = analog(CONFIG)
    x.requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().max()) > 0
    other, _ = analog(replace(CONFIG))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))
