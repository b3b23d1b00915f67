"""Converters inside a tiled read: pairs, static errors, idle lines, memory."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb

CONFIG = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=5, cell_bits=4, rows=16, cols=8),
    inputs=xb.InputConfig(bits=4, dac_bits=2),
    adc=xb.ADC(bits=16, range="column"),
)
FINE = replace(CONFIG, adc=None, plan="tiled")


def programmed(layer, config):
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(40, 6, bias=False)


@pytest.mark.parametrize("negative", ["two_phase", "bipolar", "offset"])
@pytest.mark.parametrize("subtraction", ["digital", "analog"])
def test_fine_converters_read_what_ideal_ones_do(layer, negative, subtraction):
    x = torch.randn(9, 40)
    inputs = replace(CONFIG.inputs, negative=negative)
    device = replace(xb.devices.RRAM, drift=None)
    adc = replace(CONFIG.adc, range="full", bits=20, subtraction=subtraction)
    expected = programmed(layer, replace(FINE, inputs=inputs, device=device))(x)
    actual = programmed(layer, replace(CONFIG, inputs=inputs, device=device, adc=adc))(x)
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-3)


def test_analog_subtraction_spends_no_codes_on_the_common_current(layer):
    x, device = torch.rand(50, 40), replace(xb.devices.RRAM, drift=None, read_noise=None)
    exact = programmed(layer, replace(FINE, device=device))(x)
    errors = {
        subtraction: float(
            (programmed(layer, replace(CONFIG, device=device, adc=adc))(x) - exact).norm() / exact.norm()
        )
        for subtraction in ("digital", "analog")
        for adc in [xb.ADC(bits=8, range="full", subtraction=subtraction)]
    }
    assert errors["analog"] < 1.5 * errors["digital"]
    assert programmed(layer, replace(CONFIG, adc=xb.ADC(subtraction="analog"))).array.reader.matrix.shape[0] == (
        programmed(layer, CONFIG).array.reader.matrix.shape[0] // 2
    )


@pytest.mark.parametrize("encoding", ["offset", "twos_complement"])
def test_analog_subtraction_of_encodings_without_pairs_is_refused(encoding):
    with pytest.raises(ValueError, match="subtraction='analog'"):
        replace(CONFIG, mapping=replace(CONFIG.mapping, encoding=encoding), adc=xb.ADC(subtraction="analog"))


def test_analog_subtraction_from_a_released_tile_is_refused():
    layer = positive_line()
    mapping = replace(CONFIG.mapping, release_empty=True)
    with pytest.raises(ValueError, match="released tiles"):
        programmed(layer, replace(CONFIG, mapping=mapping, adc=xb.ADC(subtraction="analog")))


def positive_line():
    """One positive column: eight inputs of weight one."""
    layer = nn.Linear(8, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    return layer


def test_gain_errors_scale_a_bit_line():
    model = programmed(positive_line(), replace(CONFIG, adc=replace(CONFIG.adc, range="full", gain_spread=0.1)))
    gain = model.array.converter_errors[0].flatten()[model.array.placement.column_significance.flatten() > 0]
    assert gain.abs() > 1e-3
    torch.testing.assert_close(model(0.4 * torch.ones(1, 8)), 3.2 * (1 + gain)[None], rtol=1e-3, atol=1e-3)


def test_offsets_count_in_every_cycle_that_drives_the_line():
    model = programmed(positive_line(), replace(CONFIG, adc=replace(CONFIG.adc, bits=8, offset_spread=3.0)))
    array = model.array
    plain = programmed(positive_line(), replace(CONFIG, adc=replace(CONFIG.adc, bits=8)))
    x = torch.tensor([[1.0, *[0.4] * 7]])
    shift = array.reader.adc_offset.round() * array.reader.factor  # both lines of the pair
    scale = 1.0 / 15 * float(array.scale)
    expected = (1 + 4) * shift.sum() * scale
    difference = model(x) - plain(x)
    assert abs(float(difference) - float(expected)) <= 5 * float(array.reader.factor.abs().max()) * scale
    assert float(expected) != 0


def test_nonlinearity_bows_the_middle_of_the_range():
    adc = replace(CONFIG.adc, bits=10, range="full", nonlinearity_spread=50.0)
    config = replace(CONFIG, inputs=xb.InputConfig(bits=4), adc=adc)
    bowed, straight = (
        programmed(positive_line(), config),
        programmed(positive_line(), replace(config, adc=xb.ADC(bits=10))),
    )
    bow = bowed.array.reader.adc_bow[bowed.array.reader.factor > 0]
    middle = torch.tensor([[1.0, 0, 1, 0, 1, 0, 1, 0]])
    codes = (bowed(middle) - straight(middle)) / (straight.array.reader.factor.abs().max() * straight.array.scale / 15)
    assert abs(float(codes) - float(bow)) <= 2
    full = torch.ones(1, 8)
    assert abs(float((bowed(full) - straight(full)) / straight(full))) < 2e-3


def test_idle_word_lines_are_not_read(layer):
    model = programmed(layer, replace(CONFIG, adc=replace(CONFIG.adc, offset_spread=5.0)))
    assert torch.equal(model(torch.zeros(3, 40)), torch.zeros(3, 6))
    first_tile_only = torch.zeros(1, 40)
    first_tile_only[:, :16] = torch.rand(16)
    products = count_products(lambda: model(first_tile_only))
    assert 0 < len(products) < len(count_products(lambda: model(torch.rand(1, 40))))


@pytest.mark.parametrize("idle", [1, 4, 8])
def test_a_vector_is_read_alike_alone_and_beside_others(layer, idle):
    model = programmed(layer, replace(CONFIG, adc=replace(CONFIG.adc, offset_spread=5.0)))
    x = torch.rand(9, 40)
    x[:idle, :16] = 0
    x[0] = 0
    together = model(x)
    alone = torch.cat([model(one[None]) for one in x])
    torch.testing.assert_close(together, alone)
    assert torch.equal(together[0], torch.zeros(6))


def count_products(run):
    """Return the output sizes of the matrix products of a call."""
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes = []

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            result = function(*arguments, **(keywords or {}))
            if function in (torch.ops.aten.mm.default, torch.ops.aten.bmm.default):
                sizes.append(result.numel())
            if function is torch.ops.aten._int_mm.out:  # one block of what is held
                sizes.append(result.untyped_storage().nbytes() // result.element_size())
            return result

    with torch.no_grad(), Recorder():
        run()
    return sizes


@pytest.mark.parametrize("chunk", [500, 5_000, 10**9])
def test_chunk_bounds_what_a_read_holds(chunk):
    torch.manual_seed(0)
    layer = programmed(nn.Conv2d(4, 8, 3), replace(CONFIG, chunk=chunk))
    x = torch.rand(20, 4, 12, 12)
    assert max(count_products(lambda: layer(x))) <= chunk
    torch.testing.assert_close(layer(x), programmed(layer.to_digital(), CONFIG)(x))


def test_converter_errors_are_saved_and_drawn_once(layer):
    config = replace(CONFIG, adc=replace(CONFIG.adc, bits=8, gain_spread=0.05, offset_spread=1.0))
    model, x = programmed(layer, config), torch.rand(3, 40)
    loaded = xb.convert_to_analog(layer, config).eval()
    loaded.load_state_dict(model.state_dict())
    assert torch.equal(loaded(x), model(x))
    before = model.array.converter_errors.clone()
    xb.drift_analog_weights(model, 10.0)
    assert torch.equal(model.array.converter_errors, before)
