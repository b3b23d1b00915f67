"""Pulses of several bits through cells that are not ohmic, against every cell evaluated by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import calibration
import crossbar as xb
from crossbar.array.cell_curve import cell_curve
from crossbar.array.drive import block_pulses
from crossbar.array.pulse_nodes import choose_pulses
from crossbar.parasitics import solve_crossbar, transfer_matrix
from devices import Cubic, Ohmic, OwnFunction, PowerLawDrift, RelativeReadNoise, Sinh, Tabulated, conductance_at

VOLTAGE = 0.3
GRID = tuple(0.02 * step for step in range(21))
MEASURED = (1e-6, 8e-6, 3e-5, 1.2e-4)
LAWS = {
    "sinh": Sinh(v0=0.1),
    "cubic": Cubic(quadratic=(1e-6, 1e-7), cubic=(1e-5, -1e-6), g_min=1e-6, g_max=1e-3),
    "tabulated": Tabulated(
        voltages=GRID,
        conductances=MEASURED,
        currents=tuple(tuple(g * (v + k * v**2 + 9 * v**3) for v in GRID) for k, g in enumerate(MEASURED)),
    ),
    "own function": OwnFunction(law=lambda v, g: g * (v + v**3 * (1 + 1e5 * g)), derivative=lambda v, g: g),
}
DEVICE = xb.Device(g_min=4e-6, g_max=5e-5)
SERIAL = xb.InputConfig(bits=6, dac_bits=3, read_voltage=VOLTAGE)
WHOLE = xb.InputConfig(bits=4, read_voltage=VOLTAGE)


def config_with(law, **fields):
    device = fields.pop("device", DEVICE)
    return xb.CrossbarConfig(**{"inputs": SERIAL, **fields, "device": replace(device, current_voltage=law)})


def programmed(config, inputs=20, outputs=5, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    analog = xb.AnalogLinear.from_digital(nn.Linear(inputs, outputs, dtype=dtype), config).eval()
    xb.program_analog_weights(analog, seed=seed)
    return analog


def small_signal(law, conductance):
    """Return the conductances at 0 V of cells verified at the read voltage, by bisection."""
    low, high = torch.zeros_like(conductance), 4 * conductance
    full = torch.full_like(conductance, VOLTAGE)
    for _ in range(60):
        middle = (low + high) / 2
        above = law.current(full, middle) > conductance * VOLTAGE
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


def expected(analog, codes):
    """Return what the arrays alone give for codes (vectors, inputs), cell by cell, conversion by conversion."""
    array, config = analog.array, analog.array.config
    placement, device = array.read_placement, config.device
    cells = conductance_at(device, array.cells, float(array.time)).masked_fill(~array.placement.present, 0).double()
    if config.parallel_rows is not None:
        cells = xb.array.operation_units.split_tile_rows(cells, config.parallel_rows)
    bits = config.inputs.pulse_bits
    largest = 2**bits - 1
    outputs = np.zeros((len(codes), placement.outputs))
    for tile in range(placement.tiles):
        small = small_signal(device.current_voltage, cells[tile])
        phases = list(block_pulses(codes.t(), placement, config.inputs, tile))  # (rows, cycles, vectors) each
        for sign, phase in zip((1, -1), phases, strict=False):
            for cycle in range(phase.shape[1]):
                for vector in range(len(codes)):
                    drive = phase[:, cycle, vector] * placement.row_sign[tile]
                    voltage = (drive * VOLTAGE / largest)[:, None].expand_as(small)
                    sums = device.current_voltage.current(voltage, small).sum(0) * largest / VOLTAGE
                    sums = converted(sums, placement, tile, config, driven=bool(drive.any()))
                    worth = placement.column_significance[tile] * (2 ** placement.column_bits[tile].double() - 1)
                    worth = worth / device.window.span * 2.0 ** (bits * cycle) * sign
                    for line, output in enumerate(placement.column_index[tile].tolist()):
                        if output >= 0:
                            outputs[vector, output] += float(worth[line] * sums[line])
    return torch.from_numpy(outputs) * placement.scale


def converted(sums, placement, tile, config, *, driven):
    """Return currents as an ADC of the full range gives them."""
    if config.adc is None or not driven:
        return sums if driven else 0 * sums
    highest = 2**config.adc.bits - 1
    rows = (placement.present[tile] & (placement.row_sign[tile] > 0)[:, None]).sum(0)
    step = rows * config.device.g_max * (2**config.inputs.pulse_bits - 1) / highest
    return (sums / step).round().clamp(0, highest) * step


def random_codes(config, vectors=4, inputs=20):
    generator = torch.Generator().manual_seed(5)
    if config.inputs.negative == "offset":
        half = 2 ** (config.inputs.bits - 1)
        return torch.randint(-half + 1, half, (vectors, inputs), generator=generator).double()
    codes = torch.randint(0, 2**config.inputs.bits, (vectors, inputs), generator=generator)
    codes[1] = -codes[1] // 2
    codes[2, ::2] = -(codes[2, ::2] // 2)
    return codes.double()


VARIANTS = {
    "whole codes": {"inputs": WHOLE},
    "pulses of 3 bits": {},
    "bipolar": {"inputs": replace(SERIAL, negative="bipolar")},
    "offset": {"inputs": replace(SERIAL, negative="offset")},
    "offset weights": {"mapping": xb.MappingConfig(encoding="offset", weight_bits=4, cell_bits=2)},
    "units": {"parallel_rows": 8},
    "word-line pairs": {"mapping": xb.MappingConfig(pairs="word_lines", rows=24)},
}


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_cell_follows_its_law(variant, law, plan):
    config = config_with(LAWS[law], plan=plan, **VARIANTS[variant])
    analog = programmed(config)
    assert analog.plan.kind == plan
    codes = random_codes(config)
    found = analog.array.read_vectors(codes, digital=False)
    wanted = expected(analog, codes)
    torch.testing.assert_close(found, wanted, rtol=1e-8, atol=1e-8 * float(wanted.abs().max()))


@pytest.mark.parametrize("law", LAWS)
def test_converters_see_the_currents_of_the_cells(law):
    config = config_with(LAWS[law], adc=xb.ADC(bits=7))
    analog = programmed(config)
    assert analog.plan.kind == "tiled"
    assert "not ohmic" in analog.plan.reason
    codes = random_codes(config)
    found, wanted = analog.array.read_vectors(codes, digital=False), expected(analog, codes)
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7 * float(wanted.abs().max()))
    ohmic = programmed(config_with(None, adc=xb.ADC(bits=7))).array.read_vectors(codes, digital=False)
    assert (ohmic - wanted).abs().max() > 0.01 * wanted.abs().max()


def test_drifted_cells_follow_their_law():
    device = replace(DEVICE, drift=PowerLawDrift(nu=0.1))
    config = config_with(LAWS["tabulated"], device=device, inputs=WHOLE)
    analog = programmed(config)
    before = analog.array.read_vectors(random_codes(config), digital=False)
    xb.drift_analog_weights(analog, 1e4)
    found, wanted = (
        analog.array.read_vectors(random_codes(config), digital=False),
        expected(analog, random_codes(config)),
    )
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7 * float(wanted.abs().max()))
    assert (found - before).abs().max() > 0.1 * before.abs().max()


def test_a_convolution_pads_with_what_drives_nothing():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3, padding=1)
    x = torch.rand(2, 3, 6, 5) - 0.3
    for negative in ("two_phase", "offset"):
        outputs = []
        for plan in ("collapsed", "tiled"):
            inputs = replace(SERIAL, negative=negative)
            config = config_with(LAWS["cubic"], plan=plan, inputs=inputs)
            analog = xb.AnalogConv2d.from_digital(layer, config).eval()
            xb.program_analog_weights(analog, seed=0)
            outputs.append(analog(x).detach())
        torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("law", ["sinh", "cubic"])
@pytest.mark.parametrize(("plan", "adc"), [("collapsed", None), ("tiled", None), ("auto", xb.ADC(bits=12))])
def test_read_noise_is_the_same_share_of_the_current_at_every_voltage(plan, adc, law):
    device = replace(DEVICE, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))
    config = config_with(LAWS[law], device=device, plan=plan, inputs=WHOLE, adc=adc)
    analog = programmed(config, inputs=6, outputs=3)
    codes = torch.tensor([[3.0, 5, 7, 2, 6, 4]], dtype=torch.float64).expand(4000, 6)
    spread = analog.array.read_vectors(codes, digital=False).std(0)
    placement = analog.array.placement
    step = device.window.span / (2 ** placement.column_bits.double() - 1)
    cells = conductance_at(device, analog.array.cells, 0.0).masked_fill(~placement.present, 0).double()
    variance = torch.zeros(3, dtype=torch.float64)
    for tile in range(placement.tiles):
        rows = placement.row_index[tile]
        small = small_signal(LAWS[law], cells[tile])
        voltage = (codes[0, rows.clamp(min=0).long()] * VOLTAGE / 15)[:, None].expand_as(small)
        seen = 0.1 * LAWS[law].current(voltage, small) * 15 / VOLTAGE
        worth = placement.column_significance[tile] / step[tile]
        for line, output in enumerate(placement.column_index[tile].tolist()):
            if output >= 0:
                variance[output] += (seen[:, line] * worth[line]).square().sum()
    torch.testing.assert_close(spread, variance.sqrt() * placement.scale, rtol=0.05, atol=0)


def test_gradients_are_the_slopes_of_the_law():
    analog = programmed(config_with(LAWS["sinh"], inputs=replace(WHOLE, bits=8, range="static", maximum=1.0)))
    x = (torch.rand(3, 20, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    (gradient,) = torch.autograd.grad(analog(x).sum(), x)
    step = 4 / 127  # a static range is one of both signs
    with torch.no_grad():
        for place in (0, 7):
            moved = x.detach().clone()
            moved[:, place] += step
            other = x.detach().clone()
            other[:, place] -= step
            slope = (analog(moved) - analog(other)).sum(1) / (2 * step)
            torch.testing.assert_close(gradient[:, place], slope, rtol=0.02, atol=1e-3)


def test_calibrated_ranges_hold_the_bent_currents():
    config = config_with(LAWS["sinh"], inputs=WHOLE, adc=xb.ADC(bits=10, range="calibrated"))
    analog = programmed(config)
    x = torch.rand(40, 20, dtype=torch.float64)
    calibration.calibrate_adc_ranges(analog, [x])
    exact = programmed(replace(config, adc=None))
    with torch.no_grad():
        assert (analog(x) - exact(x)).abs().max() < 0.02 * exact(x).abs().max()


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=8)])
@pytest.mark.parametrize("encoding", ["differential", "offset"])
def test_state_travels(adc, encoding):
    mapping = xb.MappingConfig(encoding=encoding)
    noise = RelativeReadNoise(ratio=0.02, draw="read")
    for device in (DEVICE, replace(DEVICE, read_noise=noise)):
        config = config_with(LAWS["cubic"], adc=adc, mapping=mapping, device=device)
        analog, x = programmed(config, dtype=torch.float32), torch.rand(3, 20)
        other = xb.AnalogLinear.from_digital(nn.Linear(20, 5), config).eval()
        other.load_state_dict(analog.state_dict())
        torch.manual_seed(0)
        expected = analog(x)
        torch.manual_seed(0)
        torch.testing.assert_close(other(x), expected, rtol=0, atol=0)


def test_a_frozen_chip_reads_the_same():
    analog, x = programmed(config_with(LAWS["cubic"])), torch.rand(3, 20, dtype=torch.float64)
    before = analog(x)
    xb.freeze_analog_weights(analog)
    torch.testing.assert_close(analog(x), before, rtol=0, atol=0)


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=8)])
def test_compiled_reads_are_the_same(adc):
    analog, x = programmed(config_with(LAWS["cubic"], adc=adc)), torch.rand(3, 20, dtype=torch.float64)
    with torch.no_grad():
        compiled = torch.compile(analog, backend="aot_eager", fullgraph=True)(x)
        torch.testing.assert_close(compiled, analog(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("law", "matrices"), [("sinh", 1), ("cubic", 3), ("tabulated", 2), ("own function", 15)])
def test_there_are_as_few_matrices_as_the_law_needs(law, matrices):
    array = programmed(config_with(LAWS[law], inputs=WHOLE)).array
    curve = cell_curve(array.placement, array.config, array.cells, 0.0)
    assert len(curve.worth) == matrices == 1 + len(curve.transfer)
    assert curve.worth[:, -1].tolist() == [15.0, *[0.0] * (matrices - 1)]


def test_their_energy_is_not_guessed():
    analog = programmed(config_with(LAWS["sinh"]), dtype=torch.float32)
    counts = xb.count_events(analog, torch.rand(2, 20), array_energy=False)
    assert int(counts.events_needed.sel(event="conversions").sum()) > 0
    with pytest.raises(ValueError, match="array_energy=False"):
        xb.count_events(analog, torch.rand(2, 20))


@pytest.mark.parametrize("law", [None, Ohmic()])
def test_ohmic_cells_need_none(law):
    config = config_with(law, adc=xb.ADC(bits=8))
    array = programmed(config).array
    assert array.plan.kind == "integer"
    assert cell_curve(array.placement, config, array.cells, 0.0) is None


def test_chosen_pulses_describe_all_others():
    pulses = torch.arange(1, 256, dtype=torch.float64) / 255
    shapes = torch.stack([torch.sinh(3 * pulses * share) for share in torch.linspace(0.3, 1, 6, dtype=torch.float64)])
    chosen, shares = choose_pulses(shapes, 1e-6)
    assert chosen[0] == 255
    assert len(chosen) < 6
    error = shapes[:, [pulse - 1 for pulse in chosen]] @ shares[:, 1:] - shapes
    assert error.abs().max() < 1e-5 * shapes.max()


@pytest.mark.parametrize(
    ("law", "fields", "says"),
    [
        ("sinh", {"inputs": xb.InputConfig(bits=None)}, "up to 16 bits"),
        ("sinh", {"mapping": xb.MappingConfig(squeezed_planes=1, cell_bits=2)}, "squeezed_planes=1"),
        ("sinh", {"mapping": xb.MappingConfig(group_packing="g_min")}, "group_packing='g_min'"),
        ("own function", {"inputs": xb.InputConfig(bits=10)}, "a matrix for every pulse"),
    ],
)
def test_what_has_no_exact_form_is_refused(law, fields, says):
    with pytest.raises(ValueError, match=says):
        config_with(LAWS[law], **fields)


def test_training_says_that_it_leaves_the_curve_out():
    analog = programmed(config_with(LAWS["sinh"])).train()
    assert "current-voltage curve" in repr(analog)
    assert analog(torch.rand(2, 20, dtype=torch.float64)).requires_grad


WIRES = xb.Wires(row=5.0, column=10.0)
BEHIND_WIRES = {"sinh": (Sinh(v0=0.25), 3e-3, 1e-2), "steep": (Sinh(v0=0.1), 1.3e-2, 4e-2)}
"""Laws, and the rms error that is stated for even codes and for codes half of which are 0."""


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", BEHIND_WIRES)
def test_behind_wires_reads_agree_with_newton(name, sparse):
    law, *bounds = BEHIND_WIRES[name]
    device, inputs = xb.Device(g_min=2e-6, g_max=2e-5), xb.InputConfig(bits=4, read_voltage=0.2)
    mapping = xb.MappingConfig(encoding="offset", weight_bits=4, cell_bits=4, rows=64, cols=64)
    config = config_with(law, device=device, inputs=inputs, mapping=mapping, wires=WIRES)
    analog = programmed(config, inputs=64, outputs=64)
    array, placement = analog.array, analog.array.placement
    assert placement.tiles == 1
    generator = torch.Generator().manual_seed(2)
    codes = torch.randint(-15 if sparse else 0, 16, (10, 64), generator=generator).clamp(min=0).double()
    cells = conductance_at(device, array.cells, 0.0)[0].double()
    full = torch.full_like(cells, 0.2)
    small = cells * cells * full / law.current(full, cells)  # the law is proportional to the conductance
    rows = placement.row_index[0].long()
    voltages = codes[:, rows] / 15 * 0.2
    referee = solve_crossbar(small, voltages, WIRES, iv=law, tolerance=1e-9).output_currents
    worth = placement.column_significance[0] * 15 / device.window.span * 15 / 0.2 * placement.scale
    wanted = (referee * worth)[:, placement.column_index[0].long().argsort()]
    ohmic = codes[:, rows] @ (transfer_matrix(cells, WIRES) * worth / 15 * 0.2)[:, placement.column_index[0].argsort()]
    size = wanted.square().mean().sqrt()
    error = (array.read_vectors(codes, digital=False) - wanted).square().mean().sqrt() / size
    assert error < bounds[sparse]
    assert error < 0.2 * (ohmic - wanted).square().mean().sqrt() / size


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=7)])
def test_training_with_the_curve_reads_what_the_chip_reads(law, adc):
    training = xb.TrainingEffects(current_voltage=True, adc=adc is not None)
    mapping = xb.MappingConfig(encoding="offset")
    analog = programmed(config_with(LAWS[law], training=training, adc=adc, mapping=mapping))
    x = torch.rand(4, 20, dtype=torch.float64) - 0.3
    chip, ideal = analog(x), nn.functional.linear(x, analog.weight, analog.bias)
    assert "current-voltage" not in repr(analog.train())
    torch.testing.assert_close(analog(x), chip, rtol=1e-7, atol=1e-7)
    assert (chip - ideal).abs().max() > 0.02 * ideal.abs().max()


@pytest.mark.parametrize("law", ["sinh", "cubic"])
def test_gradients_of_weights_go_through_the_curve(law):
    training = xb.TrainingEffects(current_voltage=True, quantizer=False)
    analog = programmed(config_with(LAWS[law], training=training, inputs=WHOLE)).train()
    x = torch.rand(4, 20, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(analog(x).square().sum(), analog.weight)
    with torch.no_grad():
        for output, place in ((0, 3), (4, 11)):
            before, losses = float(analog.weight[output, place]), []
            for step in (1e-5, -1e-5):
                analog.weight[output, place] = before + step
                losses.append(float(analog(x).square().sum()))
            analog.weight[output, place] = before
            slope = (losses[0] - losses[1]) / 2e-5
            assert abs(float(gradient[output, place]) - slope) < 1e-4 * (1 + abs(slope))


def test_training_with_the_curve_needs_codes():
    with pytest.raises(ValueError, match="`current_voltage` needs pulses"):
        xb.TrainingEffects(current_voltage=True, inputs=False)
