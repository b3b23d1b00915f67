from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.block_counts import count_blocks
from crossbar.array.drive import block_pulses
from crossbar.cost import EVENTS, count_events
from crossbar.cost.array_energy import PARTS, array_power, block_of_tile
from devices import conductance_at
from tests.crossbar.cost.cost_models import CONFIG, WIRES, images, network, programmed


def events(counts, layer, event, kind="events"):
    return int(counts[kind].sel(layer=layer, event=event))


@pytest.mark.parametrize(
    ("weight_bits", "cell_bits", "input_bits", "rows", "expected"),
    [(8, 2, 8, 128, 0.25), (8, 2, 8, 512, 0.0625), (8, 3, 8, 512, 0.046875), (16, 2, 16, 128, 1.0)],
    ids=["ISAAC, 8 bits", "512 rows", "RAELLA's three slices", "ISAAC, 16 bits"],
)
def test_conversions_per_multiply_add(weight_bits, cell_bits, input_bits, rows, expected):
    """RAELLA, ISCA 2023: slices x input bits / rows on a full matrix."""
    mapping = xb.MappingConfig(
        weight_bits=weight_bits, cell_bits=cell_bits, rows=rows, cols=128, encoding="offset", slicing="intra"
    )
    inputs = xb.InputConfig(bits=input_bits, dac_bits=1)
    config = xb.CrossbarConfig(mapping=mapping, inputs=inputs, adc=xb.ADC(bits=8))
    analog = programmed(nn.Sequential(nn.Linear(rows, 16, bias=False)), config)
    counts = count_events(analog, torch.rand(2, rows), array_energy=False)
    assert events(counts, "0", "conversions") / int(counts.macs.sel(layer="0")) == expected


def test_events_of_a_network_by_hand():
    analog = programmed(network())
    counts = count_events(analog, [images(2), (images(1), torch.zeros(1))])
    assert int(counts.inferences) == 3
    # 27 inputs lie in blocks of 16 and 11 rows, 6 outputs in 2 slices of 2 signs, each in arrays of its own.
    vectors, cycles, arrays = 3 * 64, 8, 4
    assert int(counts.vectors.sel(layer="0")) == vectors
    assert events(counts, "0", "row_cycles") == vectors * cycles * arrays * 27
    assert events(counts, "0", "array_reads") == vectors * cycles * arrays * 2
    assert events(counts, "0", "cell_reads") == vectors * cycles * arrays * 27 * 6
    assert events(counts, "0", "conversions") == vectors * cycles * arrays * 2 * 6
    assert events(counts, "0", "input_bits") == vectors * 27 * 8
    assert events(counts, "0", "output_bits") == vectors * 6 * 8
    assert events(counts, "0", "partial_sums") == vectors * 2 * 6
    assert int(counts.steps.sel(layer="0")) == vectors * cycles
    assert int(counts.macs.sel(layer="0")) == vectors * 27 * 6
    assert float(counts.fill.sel(layer="4")) == pytest.approx((2 * 4 + 3) / 16)
    digital = {name: events(counts, "(digital)", name) for name in EVENTS}
    assert digital["activations"] == 3 * (6 * 64 + 8 * 4)
    assert digital["pooled"] == 3 * 6 * 64
    assert digital["digital_macs"] == 3 * 6 * 64  # batch normalisation
    assert all(digital[name] == 0 for name in ("conversions", "row_cycles", "array_reads"))


def test_idle_pulses_and_arrays():
    analog = programmed(nn.Sequential(nn.Linear(32, 4)))
    x = torch.zeros(3, 32)
    x[0, 20], x[1, :16] = 1.0, 1.0  # one row of the second block; all of the first; none
    counts = count_events(analog, x)
    arrays = 4  # two slices of two signs
    assert events(counts, "0", "row_cycles", "events_needed") == (1 + 16) * 8 * arrays
    assert events(counts, "0", "array_reads", "events_needed") == 2 * 8 * arrays
    assert events(counts, "0", "conversions", "events_needed") == 2 * 8 * arrays * 4
    assert events(counts, "0", "array_reads") == 3 * 2 * 8 * arrays
    assert int(counts.steps_needed.sel(layer="0")) == 8


def test_conversions_are_those_of_the_mapping_report():
    analog = programmed(network())
    counts = count_events(analog, images(1), array_energy=False)
    report = xb.mapping_report(analog, images(1))
    own = report.sel(mapping="own")
    for layer in own.layer.values:
        assert events(counts, layer, "conversions") == int(own.adc_conversions.sel(layer=layer))
        assert int(counts.arrays.sel(layer=layer)) == int(own.crossbars.sel(layer=layer))


def power_by_solving(layer, x, wires):
    """Power of every read of every array from all node voltages [S x pulse units^2]."""
    array = layer.array
    placement, read = array.placement, array.read_placement
    conductance = conductance_at(array.config.device, array.cells, 0.0).masked_fill(~placement.used, 0).double()
    units = array.config.parallel_rows
    codes, found = layer.input_codes(x).t(), array.conversions()
    total = 0.0
    for tile, block in enumerate(block_of_tile(read, array).tolist()):
        drives = block_pulses(codes, read, array.config.inputs, int(found.block_tile[block]))
        for drive in drives:
            voltages = drive.flatten(1).t().double() * read.row_sign[tile]
            per_tile = read.tiles // placement.tiles  # no unit of these arrays is without word lines
            cells, own = conductance[tile // per_tile], tile % per_tile
            if units is not None:
                rows = len(cells)
                padding = units * per_tile - rows
                inside = torch.arange(rows) + padding
                chosen = inside // units == own
                wide = torch.zeros(len(voltages), rows, dtype=torch.float64)
                wide[:, chosen] = voltages[:, inside[chosen] - own * units]
                voltages = wide
                if array.config.undriven == "open":
                    cells = cells * chosen[:, None]
            solution = xb.solve_crossbar(cells, voltages, wires, tolerance=1e-13)
            total += float((solution.cell_currents.sum(-1) * voltages).sum())
    return total


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"inputs": xb.InputConfig(bits=4, dac_bits=2)},
        {"inputs": xb.InputConfig(bits=4, negative="bipolar")},
        {"parallel_rows": 6},
        {"parallel_rows": 6, "undriven": "open"},
        {"mapping": replace(CONFIG.mapping, squeezed_planes=3)},
        {"wires": xb.Wires(row=5.0, column=0.0, sense=100.0)},
        {"wires": xb.Wires()},
    ],
    ids=str,
)
def test_array_power_is_that_of_every_read_solved(changes):
    layer = programmed(nn.Sequential(nn.Linear(30, 3)), **changes)[0].double()
    x = torch.randn(3, 30, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    counts = count_blocks(layer.array, layer.input_codes(x), moments=True)
    power = array_power(layer.array, counts, split=True)
    expected = power_by_solving(layer, x, layer.array.config.wires)
    assert power.total == pytest.approx(expected, rel=1e-10)
    assert power.low <= power.total * (1 + 1e-12)
    assert power.total <= power.high * (1 + 1e-12)
    assert sum(power.parts.values()) == pytest.approx(power.total, rel=1e-10)


def test_power_of_a_float32_chip_and_its_unit():
    analog = programmed(nn.Sequential(nn.Linear(22, 3)))
    x = torch.rand(4, 22)
    counts = count_events(analog, x, split_array_energy=True)
    expected = power_by_solving(analog[0], x, WIRES) * 0.2**2
    assert float(counts.array_power.sel(layer="0")) == pytest.approx(expected, rel=1e-5)
    assert list(counts.part.values) == list(PARTS)
    assert float(counts.array_power_parts.sum()) == pytest.approx(expected, rel=1e-5)


def test_without_wires_power_is_voltage_squared_times_conductance():
    analog = programmed(nn.Sequential(nn.Linear(8, 2, bias=False)), wires=xb.Wires())
    counts = count_events(analog, torch.ones(1, 8))
    array = analog[0].array
    conductance = float(conductance_at(array.config.device, array.cells, 0.0).sum())
    assert float(counts.array_power.sel(layer="0")) == pytest.approx(8 * 0.2**2 * conductance, rel=1e-6)
    assert float(counts.array_power_low.sum()) == pytest.approx(float(counts.array_power_high.sum()))


def test_drift_lowers_the_power_as_it_lowers_the_conductances():
    analog = programmed(nn.Sequential(nn.Linear(8, 2)), wires=xb.Wires())
    before = float(count_events(analog, torch.ones(1, 8)).array_power.sum())
    xb.drift_analog_weights(analog, t=1e6)
    array = analog[0].array
    conductance = float(conductance_at(array.config.device, array.cells, 1e6).sum())
    after = float(count_events(analog, torch.ones(1, 8)).array_power.sum())
    assert after < before
    assert after == pytest.approx(8 * 0.2**2 * conductance, rel=1e-6)


def test_counting_leaves_the_model_as_it_was():
    analog = programmed(network())
    analog.train()
    analog[1].eval()
    state = {name: value.clone() for name, value in analog.state_dict().items() if isinstance(value, torch.Tensor)}
    count_events(analog, images())
    assert analog.training
    assert not analog[1].training
    assert all(torch.equal(state[name], value) for name, value in analog.state_dict().items() if name in state)
    assert not analog[0]._forward_pre_hooks


def test_counts_of_batches_add_up():
    analog = programmed(network())
    whole = count_events(analog, images(3))
    parts = [count_events(analog, images(3)[at : at + 1]) for at in range(3)]
    for name in ("events", "events_needed"):
        assert (sum(part[name] for part in parts) == whole[name]).all()
    total = sum(part.array_power for part in parts)
    assert float(abs(total - whole.array_power).max()) < 1e-9 * float(whole.array_power.max())


def test_unquantised_inputs_have_no_known_power():
    analog = programmed(nn.Sequential(nn.Linear(8, 2)), inputs=xb.InputConfig(bits=None), adc=None)
    counts = count_events(analog, torch.rand(2, 8))
    assert bool(counts.array_power.sel(layer="0").isnull())


def test_composites_and_unused_layers_are_counted():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, batch_first=True)
            self.unused = nn.Linear(3, 2)

        def forward(self, x):
            return self.lstm(x)[0]

    analog = programmed(Both())
    counts = count_events(analog, torch.rand(2, 6, 4))
    assert int(counts.vectors.sel(layer="unused")) == 0
    assert events(counts, "unused", "conversions") == 0
    used = [name for name in counts.layer.values if name.startswith("lstm")]
    assert used
    assert all(events(counts, name, "conversions") > 0 for name in used)


def test_refusals():
    with pytest.raises(RuntimeError, match="not programmed"):
        count_events(xb.convert_to_analog(network(), CONFIG), images())
    with pytest.raises(ValueError, match="`batches` must hold"):
        count_events(programmed(network()), [])
    with pytest.raises(ValueError, match="no analog layer"):
        count_events(network(), images())
