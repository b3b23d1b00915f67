"""Spikes on arrays: pulses without codes, what is skipped and counted, converters and noise at every step."""

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from crossbar.array.held_noise import read_noise_held
from tests.crossbar.spiking.test_conversion import prepared

PULSES = {kind: xb.InputConfig(bits=1, negative=kind) for kind in ("two_phase", "bipolar")}
EXACT = xb.InputConfig(bits=None)
NOISY = devices.Device(g_min=1e-6, g_max=1e-4, read_noise=devices.RelativeReadNoise(ratio=0.1))


@pytest.fixture(params=PULSES)
def pulses(request):
    return PULSES[request.param]


def arrays(inputs, **settings):
    mapping = settings.pop("mapping", xb.MappingConfig(weight_bits=8, cell_bits=4, rows=16, cols=16))
    return xb.CrossbarConfig(mapping=mapping, inputs=inputs, **settings)


def programmed(model, config, **overrides):
    analog = xb.convert_to_analog(model, config, overrides=overrides)
    xb.program_analog_weights(analog, seed=0)
    return analog.eval()


def spikes(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 2, shape, generator=generator).float()


def test_a_spike_is_one_pulse_of_full_height_whatever_its_sign(pulses):
    layer = programmed(nn.Linear(20, 5), arrays(pulses, adc=xb.ADC(bits=12)))
    x = 0.3 * spikes(6, 20)
    assert torch.equal(layer.input_codes(x), spikes(6, 20))
    assert torch.equal(layer.input_codes(x.abs()), spikes(6, 20).abs())
    assert layer.array.config.inputs.cycles() == 1
    assert not layer.input_codes(torch.zeros(6, 20)).any()


@pytest.mark.parametrize("settings", [{}, {"plan": "tiled"}, {"adc": xb.ADC(bits=10)}], ids=str)
def test_spikes_on_ideal_arrays_give_the_product(pulses, settings):
    torch.manual_seed(0)
    model, x = nn.Linear(20, 5), 0.3 * spikes(6, 20)
    config = arrays(pulses, **settings)
    weight = xb.map_weight(model.weight.detach().t(), config.mapping).to_weight()
    expected = x @ weight + model.bias
    got = programmed(model, config)(x)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=2e-2 if "adc" in settings else 1e-5)


def test_what_is_no_spike_is_refused(pulses):
    layer = programmed(nn.Linear(4, 2), arrays(pulses))
    with pytest.raises(ValueError, match=r"`x` must be spikes.*overrides=\{name: config\}"):
        layer(torch.tensor([[0.5, 1.0, 0.0, 0.0]]))
    assert layer(torch.tensor([[0.5, -0.5, 0.0, 0.0], [0.0, 2.0, 2.0, 0.0]])).shape == (2, 2)


def test_offset_spikes_are_refused():
    with pytest.raises(ValueError, match="`negative='offset'` needs input codes of 2 bits or more"):
        xb.InputConfig(bits=1, negative="offset")


@pytest.mark.parametrize("name", ["multilayer", "convolutional", "residual", "gru", "deep two-way lstm", "gru cell"])
def test_on_ideal_arrays_the_answer_is_that_of_the_quantised_network_on_them(name, pulses):
    quantised, x = prepared(name)
    quantised, first = quantised.float(), {}
    spiking = xb.spiking_from_quantised(quantised)
    named = [part for part, module in spiking.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    # Images, sequences and averages are no spikes.
    first = {part: arrays(EXACT) for part in named if part.split(".layer")[0] in _READS_NUMBERS[name]}
    analog = programmed(spiking, arrays(pulses), **first).double()
    reference = programmed(quantised, arrays(EXACT)).double()
    course = xb.run_over_time(analog, x, 300)
    assert course.settled
    assert torch.equal(course.answer, reference(x))


_READS_NUMBERS = {
    "multilayer": {"0"},
    "convolutional": {"0", "8"},
    "residual": {"first", "short", "last"},
    "gru": {"recurrent.cells.0.ih"},
    "deep two-way lstm": {"recurrent.cells.0.ih", "recurrent.cells.1.ih"},
    "gru cell": {"cell.ih"},
}


def test_pulses_of_all_steps_are_counted_and_silence_is_not_driven():
    quantised, x = prepared("multilayer")
    config = arrays(PULSES["bipolar"], adc=xb.ADC(bits=8), mapping=xb.MappingConfig(rows=4, cols=4))
    analog = programmed(xb.spiking_from_quantised(quantised.float()), config, **{"0": None})
    sent, layer = [], analog[2].layer
    handle = layer.register_forward_pre_hook(lambda _, given: sent.append(given[0].clone()))
    counts = xb.count_events(xb.OverTime(analog, steps=20), x.float())
    handle.remove()
    own = counts.sel(layer="model.2.layer")
    step_and_sample = torch.cat(sent)  # (steps x batch, 9)
    found = layer.array.conversions()
    assert int(own.vectors) == len(step_and_sample)
    of_blocks = layer.array.placement.row_index[found.block_tile].long()
    row_pulses = reads = conversions = 0
    for rows, arrays_alike, converted in zip(of_blocks, found.block_tiles, found.per_block(), strict=True):
        driven = step_and_sample[:, rows[rows >= 0]] != 0
        row_pulses += int(driven.sum()) * int(arrays_alike)
        reads += int(driven.any(1).sum()) * int(arrays_alike)
        conversions += int(driven.any(1).sum()) * int(converted)
    needed = own.events_needed
    assert int(needed.sel(event="row_cycles")) == row_pulses
    assert int(needed.sel(event="array_reads")) == reads
    assert int(needed.sel(event="conversions")) == conversions
    assert conversions < int(own.events.sel(event="conversions")) == int(found.per_block().sum()) * len(step_and_sample)
    assert int(own.magnitude_bits) == int(own.pulse_bits) == 1


def test_more_steps_take_more_and_early_exits_less():
    quantised, x = prepared("multilayer")
    analog = programmed(
        xb.spiking_from_quantised(quantised.float()), arrays(PULSES["bipolar"], adc=xb.ADC(bits=8)), **{"0": None}
    )

    def energy(**settings):
        counts = xb.count_events(xb.OverTime(analog, **settings), x.float())
        report = xb.cost_report(counts.sel(layer=counts.layer != "none"), xb.architectures.NEURRAM_2022)
        return float(report.component_energy.sum())

    assert energy(steps=1) < energy(steps=3) < energy(steps=6)
    assert energy(steps=6, exit_confidence=0.35) < energy(steps=6)


def test_a_converter_at_every_step_errs_at_every_step():
    quantised, x = prepared("multilayer")
    spiking = xb.spiking_from_quantised(quantised.float())
    truth = xb.run_over_time(spiking, x.float(), 60).answer

    def error(bits):
        adc = None if bits is None else xb.ADC(bits=bits, range="column")
        analog = programmed(spiking, arrays(PULSES["bipolar"], adc=adc), **{"0": arrays(xb.InputConfig(bits=8))})
        return float((xb.run_over_time(analog, x.float(), 60).answer - truth).abs().mean())

    assert error(None) <= error(12) < error(4)


def test_held_noise_is_the_same_at_every_read_and_fresh_noise_is_not():
    layer, x = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY)), spikes(6, 20)
    assert not torch.equal(layer(x), layer(x))
    with read_noise_held([layer.array]):
        assert torch.equal(layer(x), layer(x))
        torch.testing.assert_close(layer(x)[:1], layer(x[:1]))
    assert not torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("settings", [{}, {"plan": "tiled"}, {"wires": xb.Wires(row=50.0, column=50.0)}], ids=str)
@torch.no_grad()
def test_held_noise_has_the_spread_of_fresh_noise(settings):
    torch.manual_seed(0)
    layer, x = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY, **settings)), spikes(1, 20)

    def held():
        with read_noise_held([layer.array]):
            return layer(x)

    drawn = {
        name: torch.cat([read() for _ in range(250)]).std(0)
        for name, read in (("held", held), ("fresh", lambda: layer(x)))
    }
    # A standard deviation of 250 draws has a standard error of 4.5 %, a ratio of two 6.3 %.
    torch.testing.assert_close(drawn["held"], drawn["fresh"], rtol=4 * 0.063, atol=0)


@torch.no_grad()
def test_held_noise_adds_up_over_steps_and_fresh_noise_averages():
    torch.manual_seed(0)
    layer = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY))
    x, steps = spikes(1, 20), 16
    ideal = programmed(layer.to_digital(), arrays(PULSES["bipolar"]))(x)

    def error(kind):
        runs = [xb.run_over_time(layer, x, steps, read_noise=kind).answer - ideal for _ in range(100)]
        return float(torch.stack(runs).square().mean().sqrt())

    assert error("held") / error("fresh") == pytest.approx(steps**0.5, rel=0.25)


def test_after_a_held_run_the_chip_is_what_it_was():
    layer = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    xb.run_over_time(layer, spikes(2, 20), 3, read_noise="held")
    after = layer.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_noise_is_let_go_after_an_error():
    layer = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY))
    before = layer.array.reader.variance
    with pytest.raises(ValueError, match="features"):
        xb.run_over_time(layer, spikes(2, 7), 3, read_noise="held")
    assert layer.array.reader.variance is before
    with pytest.raises(RuntimeError, match="not programmed"), read_noise_held([xb.CrossbarArray(arrays(EXACT))]):
        pass


def test_held_noise_of_a_frozen_chip_is_drawn_for_its_weights():
    layer, x = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], device=NOISY)), spikes(6, 20)
    xb.freeze_analog_weights(layer)
    weight = layer.array.effective_weight.clone()
    with read_noise_held([layer.array]):
        assert torch.equal(layer(x), layer(x))
        assert not torch.equal(layer.array.effective_weight, weight)
    assert torch.equal(layer.array.effective_weight, weight)
    assert not torch.equal(layer(x), layer(x))


def test_held_noise_leaves_converters_their_ranges():
    settings = {"device": NOISY, "wires": xb.Wires(row=50.0, column=50.0), "adc": xb.ADC(bits=8, range="column")}
    layer = programmed(nn.Linear(20, 5), arrays(PULSES["bipolar"], **settings))
    factor, matrix = (getattr(layer.array.reader, name).clone() for name in ("factor", "matrix"))
    with read_noise_held([layer.array]):
        torch.testing.assert_close(layer.array.reader.factor, factor)
        assert not torch.allclose(layer.array.reader.matrix, matrix, rtol=1e-3)
    assert torch.equal(layer.array.reader.matrix, matrix)
