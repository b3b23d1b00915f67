"""Reads of pairs in every layout, against circuits that are solved and converted here, in numpy."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.collapse import effective_variance
from crossbar.array.read_count import ReadCount, count_reads
from devices import GaussianProgramming, conductance_at
from mapping import footprint
from mapping.placement import plane_cell_index

WEIGHT_BITS, CELL_BITS, INPUT_BITS, DAC_BITS = 5, 2, 5, 2
WIRES = xb.Wires(row=30.0, column=60.0, driver=800.0, sense=500.0)
DEVICE = xb.Device(g_min=2e-6, g_max=40e-6)
LAYOUTS = {
    "arrays": {"pairs": "arrays", "rows": 5, "cols": 3},
    "bit_lines": {"pairs": "bit_lines", "rows": 5, "cols": 7},
    "word_lines": {"pairs": "word_lines", "rows": 11, "cols": 3},
}
INPUTS, OUTPUTS = 8, 4
CODES = np.random.default_rng(0).integers(-15, 16, (INPUTS, OUTPUTS))
CODES[0, 0] = 15
X = np.random.default_rng(1).integers(-15, 16, (6, INPUTS))


def configured(layout, *, slicing="inter", **settings):
    mapping = xb.MappingConfig(weight_bits=WEIGHT_BITS, cell_bits=CELL_BITS, slicing=slicing, **LAYOUTS[layout])
    inputs = xb.InputConfig(bits=INPUT_BITS, dac_bits=DAC_BITS, range="static", maximum=15.0)
    return xb.CrossbarConfig(**{"device": DEVICE, "wires": WIRES, "mapping": mapping, "inputs": inputs, **settings})


def programmed(config, seed=0):
    layer = nn.Linear(INPUTS, OUTPUTS, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(CODES.T) / 15)
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    return model


def read(model):
    with torch.no_grad():
        return 15 * model(torch.from_numpy(X).float()).numpy()


def nodal_transfer(conductance):
    """Solve an array node by node, densely: (rows, cols) to the currents per volt on each word line, (rows, cols)."""
    rows, cols = conductance.shape
    system, drive = np.zeros((2 * rows * cols,) * 2), np.zeros((2 * rows * cols, rows))

    def word(i, j):
        return i * cols + j

    def bit(i, j):
        return rows * cols + i * cols + j

    def join(a, b, g):
        system[a, a] += g
        system[b, b] += g
        system[a, b] -= g
        system[b, a] -= g

    for i in range(rows):
        source = 1 / (WIRES.driver + WIRES.row)
        system[word(i, 0), word(i, 0)] += source
        drive[word(i, 0), i] = source
        for j in range(cols):
            join(word(i, j), bit(i, j), conductance[i, j])
            if j:
                join(word(i, j - 1), word(i, j), 1 / WIRES.row)
            if i:
                join(bit(i - 1, j), bit(i, j), 1 / WIRES.column)
    sense = 1 / (WIRES.column + WIRES.sense)
    for j in range(cols):
        system[bit(rows - 1, j), bit(rows - 1, j)] += sense
    voltages = np.linalg.solve(system, drive)
    return np.stack([sense * voltages[bit(rows - 1, j)] for j in range(cols)], 1)


def chunks(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


def arrays(layout, slicing):
    """Return the arrays of a layout: their rows as (input, sign), their columns as (output, plane, sign)."""
    rows, cols = LAYOUTS[layout]["rows"], LAYOUTS[layout]["cols"]
    planes = [[0, 1]] if slicing == "intra" else [[0], [1]]
    stacks = []
    for members in planes:
        weights = [(output, plane) for output in range(OUTPUTS) for plane in members]
        if layout == "arrays":
            stacks += [chunks([(*weight, sign) for weight in weights], cols) for sign in (1, -1)]
        elif layout == "bit_lines":
            stacks.append([[(*w, sign) for w in part for sign in (1, -1)] for part in chunks(weights, cols // 2)])
        else:
            stacks.append(chunks([(*weight, 1) for weight in weights], cols))
    lines = chunks(list(range(INPUTS)), rows // 2 if layout == "word_lines" else rows)
    signs = (1, -1) if layout == "word_lines" else (1,)
    blocks = [[(i, sign) for i in part for sign in signs] for part in lines]
    return [(block, part) for stack in stacks for block in blocks for part in stack]


def circuit(layout, slicing):
    """Solve every array: (rows, columns, currents per volt)."""
    solved = []
    for rows, columns in arrays(layout, slicing):
        conductance = np.empty((len(rows), len(columns)))
        for i, (number, row_sign) in enumerate(rows):
            for j, (output, plane, sign) in enumerate(columns):
                level = max(row_sign * sign * CODES[number, output], 0) >> (CELL_BITS * plane) & 3
                conductance[i, j] = DEVICE.g_min + level * (DEVICE.g_max - DEVICE.g_min) / 3
        solved.append((rows, columns, nodal_transfer(conductance)))
    return solved


def seen_currents(layout, slicing, *, analog):
    """Return what converters see of every array, partners subtracted where `analog`: (rows, columns, (rows, columns))."""
    solved = circuit(layout, slicing)
    if not analog:
        return [(rows, columns, transfer * signs_of(rows)) for rows, columns, transfer in solved]
    lines = {(tuple(rows), column): t[:, j] for rows, columns, t in solved for j, column in enumerate(columns)}
    seen = []
    for rows, columns, transfer in solved:
        partner = np.stack([lines[tuple(rows), (output, plane, -sign)] for output, plane, sign in columns], 1)
        seen.append((rows, columns, transfer - partner))
    return seen


def signs_of(rows):
    return np.array([sign for _, sign in rows])[:, None]


def steps(adc, rows, seen, top):
    """Return the current of one code of every line, for pulses of two bits."""
    inputs = [number for number, _ in rows]
    if adc.range == "full":
        return np.full(seen.shape[1], len(set(inputs)) * DEVICE.g_max * 3 / top)
    by_input = np.stack([seen[np.array(inputs) == number].sum(0) for number in set(inputs)])
    return np.maximum(by_input.clip(0).sum(0), -by_input.clip(None, 0).sum(0)) * 3 / top


def expected(layout, slicing, adc=None):
    """Read the arrays pulse by pulse and line by line; converters see single lines, or pairs of them."""
    result, unit = np.zeros((len(X), OUTPUTS)), (DEVICE.g_max - DEVICE.g_min) / 3
    analog = adc is not None and adc.subtraction == "analog" and layout != "word_lines"
    signed = analog or layout == "word_lines"
    for rows, columns, seen in seen_currents(layout, slicing, analog=analog):
        top = (2 ** (adc.bits - 1) if signed else 2**adc.bits) - 1 if adc else 0
        step = steps(adc, rows, seen, top) if adc else None
        for phase, cycle in itertools.product((1, -1), range(-(-INPUT_BITS // DAC_BITS))):
            current = ((phase * X[:, [number for number, _ in rows]]).clip(0) >> (DAC_BITS * cycle) & 3) @ seen
            if adc:
                current = np.round(current / step).clip(-top if signed else 0, top) * step
            for j, (output, plane, sign) in enumerate(columns):
                if not analog or sign > 0:
                    result[:, output] += phase * sign * 4**cycle * 4**plane * current[:, j] / unit
    return result


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("slicing", ["inter", "intra"])
@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_the_circuit_is_that_of_the_layout(layout, slicing, plan):
    output, reference = read(programmed(configured(layout, slicing=slicing, plan=plan))), expected(layout, slicing)
    np.testing.assert_allclose(output, reference, atol=2e-5 * abs(reference).max())
    # The wires matter, and not alike in every layout.
    assert abs(reference - X @ CODES).max() > 0.02 * abs(X @ CODES).max()


def test_layouts_differ_behind_wires_only():
    wired = {layout: expected(layout, "inter") for layout in LAYOUTS}
    assert abs(wired["bit_lines"] - wired["arrays"]).max() > 1
    assert abs(wired["word_lines"] - wired["arrays"]).max() > 1
    for layout in LAYOUTS:
        ideal = read(programmed(configured(layout, wires=xb.Wires())))
        np.testing.assert_allclose(ideal, X @ CODES, atol=1e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("slicing", ["inter", "intra"])
@pytest.mark.parametrize("subtraction", ["digital", "analog"])
@pytest.mark.parametrize("range_", ["full", "column"])
def test_converters_see_the_currents_of_the_layout(layout, slicing, subtraction, range_):
    adc = xb.ADC(bits=6, range=range_, subtraction=subtraction)
    output, reference = read(programmed(configured(layout, slicing=slicing, adc=adc))), expected(layout, slicing, adc)
    np.testing.assert_allclose(output, reference, atol=2e-5 * abs(reference).max())
    assert abs(reference - expected(layout, slicing)).max() > 0.5  # the converters round


@pytest.mark.parametrize("negative", ["two_phase", "bipolar", "offset"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_fine_converter_reads_what_the_effective_weight_gives(layout, negative):
    config = configured(layout)
    config = replace(config, inputs=replace(config.inputs, negative=negative, dac_bits=1))
    fine = read(programmed(replace(config, adc=xb.ADC(bits=20, range="column"))))
    exact = read(programmed(config))
    np.testing.assert_allclose(fine, exact, atol=1e-3 * abs(exact).max())


def test_the_same_seed_makes_the_same_chip_in_every_layout():
    device = replace(DEVICE, programming=GaussianProgramming(spread=0.1))
    chips = []
    for layout in LAYOUTS:
        array = programmed(configured(layout, device=device)).array
        placement = array.placement
        cells = torch.full((placement.planes * INPUTS * OUTPUTS,), -1.0)
        conductance = conductance_at(device, array.cells, 0.0)
        cells[plane_cell_index(placement, slice(None))[placement.used]] = conductance[placement.used]
        chips.append(cells)
    assert (chips[0] >= 0).all()
    assert len(chips[0].unique()) > 100
    assert torch.equal(chips[0], chips[1])
    assert torch.equal(chips[0], chips[2])


def test_read_noise_adds_up_over_the_cells_of_a_pair_in_every_layout():
    noisy = replace(DEVICE, read_noise=xb.devices.RelativeReadNoise(ratio=0.1))
    variances = []
    for layout in LAYOUTS:
        model = programmed(configured(layout, device=noisy, wires=xb.Wires()))
        variances.append(effective_variance(model.array.placement, noisy, model.array.solved().variance))
    assert (variances[0] > 0).all()
    torch.testing.assert_close(variances[1], variances[0])
    torch.testing.assert_close(variances[2], variances[0])


def test_a_pair_on_word_lines_needs_one_conversion():
    counts = {}
    for layout in LAYOUTS:
        for subtraction in ("digital", "analog"):
            config = configured(layout, wires=xb.Wires(), adc=xb.ADC(subtraction=subtraction))
            array = programmed(config).array
            count_reads(array, torch.ones(1, INPUTS), count := ReadCount())
            counts[layout, subtraction] = count.conversions
            pairs = {"subtract_pairs": subtraction == "analog"}
            assert footprint(array.placement, config.inputs.cycles, **pairs).adc_conversions == count.conversions
    cycles, planes, row_blocks = 3, 2, 2
    assert counts["arrays", "analog"] == cycles * planes * row_blocks * OUTPUTS
    assert counts["arrays", "digital"] == 2 * counts["arrays", "analog"]
    assert {counts["bit_lines", name] // counts["arrays", name] for name in ("digital", "analog")} == {1}
    assert counts["word_lines", "digital"] == counts["word_lines", "analog"] == counts["arrays", "analog"]


@pytest.mark.parametrize("undriven", ["grounded", "open"])
def test_operation_units_hold_whole_pairs(undriven):
    config = configured("word_lines", parallel_rows=4, undriven=undriven)
    exact = read(programmed(config))
    fine = read(programmed(replace(config, adc=xb.ADC(bits=20, range="column"))))
    np.testing.assert_allclose(fine, exact, atol=1e-3 * abs(exact).max())
    if undriven == "grounded":
        np.testing.assert_allclose(exact, read(programmed(configured("word_lines"))), rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="`parallel_rows` must be even where pairs lie on adjacent word lines"):
        replace(config, parallel_rows=3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_squeezed_pairs_read_what_they_stand_for(layout):
    config = configured(layout, wires=xb.Wires())
    config = replace(config, mapping=replace(config.mapping, squeezed_planes=2), plan="tiled")
    model = programmed(config)
    codes = model.array.placement.to_codes().numpy()
    assert (codes != CODES).any()
    np.testing.assert_allclose(read(model), X @ codes, atol=1e-3)


def test_a_checkpoint_keeps_the_signs_of_its_word_lines():
    config = configured("word_lines", adc=xb.ADC(bits=6))
    ours, theirs = programmed(config), programmed(config, seed=1)
    theirs.load_state_dict(ours.state_dict())
    assert (theirs.array.row_sign < 0).any()
    np.testing.assert_array_equal(read(theirs), read(ours))
