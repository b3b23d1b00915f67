"""Squeezed, sorted and merged placements on chip: the ordinary engine reads them as the integer identity says."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.collapse import baseline_weight
from devices import GaussianProgramming, RelativeReadNoise
from mapping import SMECodebook, map_weight

G_MIN = replace(xb.devices.RRAM, read_noise=None, drift=None, levels=None)
MAPPING = xb.MappingConfig(
    weight_bits=9, cell_bits=1, rows=16, cols=8, quantizer=SMECodebook(bits=8, window=3), squeezed_planes=4
)
ARRANGEMENTS = {
    "squeezed": MAPPING,
    "squeezed and sorted": replace(MAPPING, row_order="sorted"),
    "squeezed and merged": replace(MAPPING, merge_columns=True),
    "squeezed cells of two bits": replace(MAPPING, cell_bits=2),
    "squeezed uniform": replace(MAPPING, quantizer=None, weight_bits=6, squeezed_planes=2),
    "squeezed offset": replace(MAPPING, encoding="offset"),
    "squeezed two's complement": replace(MAPPING, encoding="twos_complement"),
    "sorted and released": replace(MAPPING, squeezed_planes=0, row_order="sorted", release_empty=True),
    "merged two's complement": replace(MAPPING, squeezed_planes=0, encoding="twos_complement", merge_columns=True),
}


def linear(config, seed=0):
    torch.manual_seed(seed)
    digital = nn.Linear(40, 12)
    with torch.no_grad():
        digital.weight *= torch.rand(40) ** 3
    return xb.convert_to_analog(digital, config).eval()


def integer_drive(layer, bits=4):
    """Return inputs that are their own codes: integers whose largest is the last code."""
    x = torch.randint(0, 2**bits, (6, layer.in_features), generator=torch.Generator().manual_seed(1)).float()
    x[:, 0] = 2**bits - 1
    return x


def expected_output(layer, x):
    weight = map_weight(layer.weight_matrix().detach(), layer.array.config.mapping).to_weight()
    return x.double() @ weight.double() + layer.bias.double()


@pytest.mark.parametrize("mapping", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize("dac_bits", [1, 3, None])
@pytest.mark.parametrize("device", [xb.devices.Ideal, G_MIN], ids=["ideal", "g_min > 0"])
def test_an_ideal_read_is_the_integer_identity(mapping, plan, dac_bits, device):
    config = xb.CrossbarConfig(
        device=device, mapping=mapping, plan=plan, inputs=xb.InputConfig(bits=4, dac_bits=dac_bits)
    )
    layer = linear(config)
    xb.program_analog_weights(layer)
    x = integer_drive(layer)
    with torch.no_grad():
        torch.testing.assert_close(layer(x).double(), expected_output(layer, x), rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("mapping", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@pytest.mark.parametrize("dac_bits", [1, 2, 3, None])
def test_a_lossless_adc_reads_the_integer_identity(mapping, dac_bits):
    """Shifted rows take extra cycles instead of larger pulses, so the converters never clip."""
    inputs = xb.InputConfig(bits=4, dac_bits=dac_bits)
    cell_bits = mapping.cell_bits
    bits = xb.lossless_bits(mapping.rows, cell_bits, inputs.pulse_bits)
    # Full scale is every row at g_max: round it up to whole steps of one level.
    rows = mapping.rows * (2**cell_bits - 1) * (2**inputs.pulse_bits - 1)
    adc = xb.ADC(bits=bits + 1, fraction=(2 ** (bits + 1) - 1) / rows)
    # 32 inputs fill two arrays: with unused rows the full scale would be another.
    layer = xb.convert_to_analog(nn.Linear(32, 12), xb.CrossbarConfig(mapping=mapping, inputs=inputs, adc=adc)).eval()
    xb.program_analog_weights(layer)
    assert layer.plan.kind != "collapsed"
    x = integer_drive(layer)
    with torch.no_grad():
        torch.testing.assert_close(layer(x).double(), expected_output(layer, x), rtol=2e-5, atol=2e-4)


def test_a_shifted_row_takes_extra_cycles():
    inputs = xb.InputConfig(bits=8, dac_bits=1)
    assert (inputs.cycles(), inputs.cycles(3)) == (8, 11)
    assert xb.InputConfig(bits=8, dac_bits=3).cycles(1) == 3
    assert xb.InputConfig(bits=8, dac_bits=3).cycles(2) == 4
    assert (xb.InputConfig(bits=8).cycles(), xb.InputConfig(bits=8).cycles(4)) == (1, 2)
    assert xb.InputConfig(bits=None).cycles(4) == 1


def test_released_partners_leave_a_baseline_that_is_subtracted():
    dense = map_weight(linear(xb.CrossbarConfig()).weight_matrix().detach(), replace(MAPPING, squeezed_planes=0))
    assert baseline_weight(dense, G_MIN) is None
    only_positive = torch.rand(40, 12) + 0.1
    placement = map_weight(only_positive, MAPPING)
    assert (placement.column_significance >= 0).all()
    baseline = baseline_weight(placement, G_MIN)
    step = G_MIN.g_max - G_MIN.g_min
    planes = 2**4 - 1
    shift = torch.zeros(40, 12)
    for tile in range(placement.tiles):
        used = placement.row_index[tile] >= 0
        columns = placement.column_index[tile][placement.column_index[tile] >= 0].long()
        rows = placement.row_index[tile][used].long()
        shift[rows[:, None], columns] = placement.row_shift[tile][used][:, None].float()
    torch.testing.assert_close(baseline, planes * 2**shift * (G_MIN.g_min / step))


@pytest.mark.parametrize(
    "name", ["squeezed", "squeezed and sorted", "squeezed and merged", "squeezed cells of two bits"]
)
def test_both_plans_agree_under_wires_and_errors(name):
    device = replace(G_MIN, programming=GaussianProgramming(spread=0.05))
    config = xb.CrossbarConfig(
        device=device,
        mapping=ARRANGEMENTS[name],
        wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3),
        inputs=xb.InputConfig(bits=4, dac_bits=2),
    )
    results = []
    for plan in ("collapsed", "tiled"):
        layer = linear(replace(config, plan=plan))
        xb.program_analog_weights(layer, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            results.append(layer(integer_drive(layer)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4 * float(results[0].abs().max()))


def test_cells_keep_their_draws_when_planes_are_squeezed_or_moved():
    """A cell is named by plane, input and output: sorting, releasing and other array sizes leave its draw alone."""
    device = replace(G_MIN, programming=GaussianProgramming(spread=0.05, relative_to="window"))
    errors = {}
    for name, mapping in {
        "dense": replace(MAPPING, squeezed_planes=0),
        "squeezed": MAPPING,
        "sorted": replace(MAPPING, row_order="sorted"),
        "other size": replace(MAPPING, rows=7, cols=5),
        "merged": replace(MAPPING, merge_columns=True),
    }.items():
        layer = linear(xb.CrossbarConfig(device=device, mapping=mapping))
        xb.program_analog_weights(layer, generator=torch.Generator().manual_seed(3))
        array = layer.array
        deviation = array.cells.programmed - array.cells.target
        clamped = array.cells.programmed == 0
        names = (
            (array.column_plane[:, None, :].long() * 40 + array.row_index[:, :, None]) * 12
            + array.column_index[:, None, :]
        ).expand_as(deviation)
        keep = array.used & ~clamped
        errors[name] = dict(zip(names[keep].tolist(), deviation[keep].tolist(), strict=True))
    for name in ("squeezed", "sorted", "other size", "merged"):
        shared = errors["dense"].keys() & errors[name].keys()
        assert len(shared) > 500
        assert all(abs(errors["dense"][cell] - errors[name][cell]) < 1e-11 for cell in shared)


@pytest.mark.parametrize("dac_bits", [1, 2, None])
def test_fresh_read_noise_of_shifted_rows(dac_bits):
    """The variance of a read is that of its cells, cycle by cycle, shifted pulses included, in either plan."""
    device = replace(G_MIN, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))
    inputs = xb.InputConfig(bits=4, dac_bits=dac_bits)
    config = xb.CrossbarConfig(device=device, mapping=MAPPING, inputs=inputs)
    layer = linear(config)
    assert layer.plan.kind == ("collapsed" if dac_bits == 1 else "tiled")
    xb.program_analog_weights(layer)
    x = integer_drive(layer)[:1]
    with torch.no_grad():
        torch.manual_seed(0)
        reads = layer(x.expand(4000, 40)).double()
    array, pulse = layer.array, inputs.pulse_bits
    placement = array.placement
    step = device.g_max - device.g_min
    variance = torch.zeros(12, dtype=torch.float64)
    for tile in range(placement.tiles):
        rows, columns = placement.row_index[tile], placement.column_index[tile]
        for row in (rows >= 0).nonzero()[:, 0].tolist():
            code = int(x[0, rows[row]]) << int(placement.row_shift[tile, row])
            digits = [(code >> (cycle * pulse)) & (2**pulse - 1) for cycle in range(-(-16 // pulse))]
            power = sum(4.0 ** (cycle * pulse) * digit**2 for cycle, digit in enumerate(digits))
            for column in (columns >= 0).nonzero()[:, 0].tolist():
                sigma = 0.1 * float(array.programmed[tile, row, column]) / step
                weight = float(placement.column_significance[tile, column]) * float(placement.scale)
                variance[columns[column]] += power * (weight * sigma) ** 2
    assert ((reads.var(0) / variance - 1).abs() <= 5 * (2 / 4000) ** 0.5).all()


def test_a_collapsed_plan_that_cannot_hold_shifted_noise_is_refused():
    device = replace(G_MIN, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))
    with pytest.raises(ValueError, match="cannot give shifted rows the fresh read noise of pulses of several bits"):
        xb.CrossbarConfig(device=device, mapping=MAPPING, plan="collapsed")
    xb.CrossbarConfig(device=device, mapping=MAPPING, plan="collapsed", inputs=xb.InputConfig(dac_bits=1))
    xb.CrossbarConfig(mapping=MAPPING, plan="collapsed")


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_groups_of_a_convolution(groups, plan):
    torch.manual_seed(0)
    digital = nn.Conv2d(8, 16, 3, padding=1, groups=groups)
    layer = xb.convert_to_analog(digital, xb.CrossbarConfig(device=G_MIN, mapping=MAPPING, plan=plan)).eval()
    xb.program_analog_weights(layer)
    weight = map_weight(layer.weight_matrix().detach(), MAPPING, groups=groups).to_weight()
    exact = xb.convert_to_analog(
        digital, xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=16, cell_bits=8))
    ).eval()
    with torch.no_grad():
        exact.weight = nn.Parameter(weight.t().reshape(digital.weight.shape))
    xb.program_analog_weights(exact)
    x = torch.rand(2, 8, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), exact(x), rtol=1e-3, atol=1e-3)
    # Every group has arrays of its own.
    inputs = layer.array.row_index // (72 // groups)
    assert all(len(set(tile[tile >= 0].tolist())) == 1 for tile in inputs)


def test_a_layer_of_zeros_reads_its_bias():
    for plan in ("collapsed", "tiled"):
        layer = linear(xb.CrossbarConfig(device=G_MIN, mapping=MAPPING, plan=plan))
        with torch.no_grad():
            layer.weight.zero_()
        xb.program_analog_weights(layer)
        assert layer.array.levels.shape[0] == 0
        with torch.no_grad():
            assert torch.equal(layer(torch.rand(3, 40)), layer.bias.expand(3, 12))


def test_squeezed_chips_copy_and_load():
    layer = linear(xb.CrossbarConfig(device=G_MIN, mapping=MAPPING))
    xb.program_analog_weights(layer, generator=torch.Generator().manual_seed(1))
    other = linear(xb.CrossbarConfig(device=G_MIN, mapping=MAPPING), seed=9)
    other.load_state_dict(layer.state_dict())
    x = torch.rand(3, 40)
    with torch.no_grad():
        assert torch.equal(other(x), layer(x))
        assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    dense = linear(xb.CrossbarConfig(device=G_MIN, mapping=replace(MAPPING, squeezed_planes=0)))
    with pytest.raises(RuntimeError, match="another CrossbarConfig"):
        dense.load_state_dict(layer.state_dict())


def test_training_sees_the_squeezed_weights():
    layer = linear(xb.CrossbarConfig(mapping=MAPPING)).train()
    x = integer_drive(layer).requires_grad_()
    torch.testing.assert_close(layer(x).double(), expected_output(layer, x), rtol=1e-4, atol=1e-4)
    layer(x).sum().backward()
    torch.testing.assert_close(layer.weight.grad, x.detach().sum(0).expand(12, 40))


def test_training_noise_is_that_of_the_squeezed_cells():
    device = replace(G_MIN, programming=GaussianProgramming(spread=0.02, relative_to="window"))
    layer = linear(xb.CrossbarConfig(device=device, mapping=MAPPING)).train()
    x = integer_drive(layer)[:1]
    torch.manual_seed(0)
    with torch.no_grad():
        seen = torch.stack([layer(x)[0] for _ in range(150)])
        layer.eval()
        chips = []
        for seed in range(150):
            xb.program_analog_weights(layer, generator=torch.Generator().manual_seed(seed))
            chips.append(layer(x)[0])
    ratio = seen.var(0) / torch.stack(chips).var(0)
    # Five standard errors of a ratio of two variances; clipping at 0 S never bites at g_min = 5 sigma.
    assert ((ratio - 1).abs() <= 5 * (4 / 150) ** 0.5).all()
