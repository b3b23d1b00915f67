"""Flips of bits on placed cells: exact addresses, exact damage, and a search that finds the worst."""

import itertools

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from crossbar import attacks
from crossbar.array.rewriting import rewrite_cells, stored_levels
from crossbar.attacks.changes import bit_changes

CELL = devices.Device(g_min=1e-6, g_max=2e-5)
MAPPINGS = {
    "differential": {},
    "one-bit cells": {"cell_bits": 1},
    "pairs on bit lines": {"pairs": "bit_lines"},
    "pairs on word lines": {"pairs": "word_lines", "cell_bits": 2},
    "offset": {"encoding": "offset"},
    "two's complement": {"encoding": "twos_complement", "cell_bits": 1},
    "reference column": {"encoding": "offset", "reference_column": True},
    "squeezed": {"cell_bits": 1, "squeezed_planes": 3},
    "merged": {"encoding": "twos_complement", "cell_bits": 1, "merge_columns": True},
    "packed groups": {"group_packing": "absent", "cell_bits": 2},
}


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))
    return model.requires_grad_(False).eval()


def chip(model=None, *, device=CELL, seed=0, **mapping):
    fields = {"rows": 16, "cols": 16, "weight_bits": 6, "cell_bits": 4, **mapping}
    config = xb.CrossbarConfig(
        device=device,
        mapping=xb.MappingConfig(**fields),
        inputs=xb.InputConfig(bits=None),
    )
    analog = xb.convert_to_analog(network() if model is None else model, config).eval()
    xb.program_analog_weights(analog, seed=seed)
    return analog


X = torch.randn(40, 2, 6, 6, generator=torch.Generator().manual_seed(1))
Y = network()(X).argmax(1)


def weights(analog):
    return {name: layer.array.effective_weight.clone() for name, layer in xb.named_analog_layers(analog)}


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_a_flip_changes_one_weight_by_what_was_said(mapping):
    analog = chip(**mapping)
    for flip in attacks.random_flips(analog, 12, seed=1):
        before = weights(analog)
        array = dict(xb.named_analog_layers(analog))[flip.layer].array
        table = attacks.flip_cells(analog, [flip])
        tile, row, column = (int(table[name][0]) for name in ("tile", "row", "column"))
        assert attacks.flip_at(analog, flip.layer, tile=tile, row=row, column=column, bit=flip.bit) == flip
        placement = array.placement
        unit = float(placement.scale) * int(placement.significance()[tile, row, column])
        meant, now = int(placement.levels[tile, row, column]), int(stored_levels(array)[tile, row, column])
        assert bin(meant ^ now).count("1") <= 2  # earlier flips may have hit another bit of the cell
        after = weights(analog)
        for name, weight in after.items():
            changed = weight - before[name]
            if name != flip.layer:
                assert not changed.any()
                continue
            expected = torch.zeros_like(changed)
            expected[flip.output, flip.input] = unit * (1 << flip.bit) * (1 if now >> flip.bit & 1 else -1)
            torch.testing.assert_close(changed, expected, rtol=1e-4, atol=1e-5 * float(weight.abs().max()))
            assert int(table.sign[0]) == (1 if unit > 0 else -1)


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS)
def test_flipping_twice_gives_the_chip_back(mapping):
    analog = chip(**mapping)
    before = {name: layer.array.cells.programmed.clone() for name, layer in xb.named_analog_layers(analog)}
    flips = attacks.random_flips(analog, 30, seed=3)
    assert len(set(flips)) == 30
    attacks.flip_cells(analog, flips)
    flipped = {name: layer.array.cells.programmed for name, layer in xb.named_analog_layers(analog)}
    cells = {(flip.layer, flip.plane, flip.input, flip.output) for flip in flips}
    assert sum(int((flipped[name] != before[name]).sum()) for name in before) == len(cells)
    attacks.flip_cells(analog, flips)
    for name, layer in xb.named_analog_layers(analog):
        torch.testing.assert_close(layer.array.cells.programmed, before[name], rtol=1e-6, atol=0)


def test_a_new_programming_puts_flips_back():
    analog = chip()
    before = weights(analog)
    attacks.flip_cells(analog, attacks.random_flips(analog, 30, seed=3))
    assert any(not torch.equal(weight, before[name]) for name, weight in weights(analog).items())
    xb.program_analog_weights(analog, seed=0)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(analog).items())


def test_stuck_cells_do_not_flip():
    analog = chip(device=devices.Device(g_min=1e-6, g_max=2e-5, stuck=devices.StuckCells(at_g_max=0.5)))
    array = analog[3].array
    stuck = array.cells.stuck & array.placement.used
    tile, row, column = stuck.nonzero()[0].tolist()
    flip = attacks.flip_at(analog, "3", tile=tile, row=row, column=column)
    before = weights(analog)
    attacks.flip_cells(analog, [flip])
    assert all(torch.equal(weight, before[name]) for name, weight in weights(analog).items())
    assert not stuck.flatten()[bit_changes(array).cell].any()


def test_flips_stand_on_noisy_cells_behind_wires_and_in_checkpoints():
    device = devices.Device(g_min=1e-6, g_max=2e-5, programming=devices.GaussianProgramming(spread=0.01))
    config = xb.CrossbarConfig(
        device=device, wires=xb.Wires(row=5.0, column=5.0), mapping=xb.MappingConfig(cell_bits=1, rows=16, cols=16),
        adc=xb.ADC(bits=8),
    )  # fmt: skip
    analog = xb.convert_to_analog(network(), config).eval()
    xb.program_analog_weights(analog, seed=0)
    before = weights(analog)
    flips = attacks.random_flips(analog, 5, seed=0)
    attacks.flip_cells(analog, flips, seed=1)
    hit = {(flip.layer, flip.output, flip.input) for flip in flips}
    for name, weight in weights(analog).items():
        change = (weight - before[name]).abs()
        for layer, output, row in hit:
            if layer == name:  # the largest changes are where the flips are; wires carry a little to the neighbours
                assert float(change[output, row]) > 3 * float(change.median())
    other = xb.convert_to_analog(network(), config).eval()
    other.load_state_dict(analog.state_dict())
    assert torch.equal(other(X), analog(X))
    again = xb.convert_to_analog(network(), config).eval()
    xb.program_analog_weights(again, seed=0)
    attacks.flip_cells(again, flips, seed=1)
    assert torch.equal(again(X), analog(X))


def test_reads_in_integers_see_flips_as_tiled_ones_do():
    outputs = {}
    for plan in ("auto", "tiled"):
        config = xb.CrossbarConfig(
            device=CELL,
            mapping=xb.MappingConfig(cell_bits=1, rows=16, cols=16),
            inputs=xb.InputConfig(dac_bits=1),
            adc=xb.ADC(bits=8),
            plan=plan,
        )
        analog = xb.convert_to_analog(network(), config).eval()
        assert analog[3].plan.kind == ("integer" if plan == "auto" else "tiled")
        xb.program_analog_weights(analog, seed=0)
        before = analog(X)
        attacks.flip_cells(analog, attacks.random_flips(analog, 40, seed=0))
        outputs[plan] = analog(X)
        assert not torch.equal(outputs[plan], before)
    torch.testing.assert_close(outputs["auto"], outputs["tiled"])


# mapping, largest change of a weight by one flip over the largest weight, by hand: codes -31 .. 31
LARGEST = {
    "differential": 16 / 31,
    "one-bit cells": 16 / 31,
    "offset": 32 / 31,
    "two's complement": 32 / 31,
}


@pytest.mark.parametrize("name", LARGEST)
def test_the_damage_of_one_flip_by_encoding(name):
    table = attacks.damage_of_flips(chip(**MAPPINGS[name]))
    assert table.largest.values == pytest.approx([LARGEST[name]] * 2)
    planes, bits_of_weight = {"offset": (1, 6), "two's complement": (1, 6)}.get(name, (2, 5))
    assert table.bits.values.tolist() == [planes * bits_of_weight * 9 * 4, planes * bits_of_weight * 64 * 5]
    assert (table["mean"] <= table.rms).all()
    assert (table.rms <= table.largest).all()


def test_a_freed_plane_halves_the_damage_where_no_row_is_shifted():
    model = nn.Sequential(nn.Linear(4, 3, bias=False))
    with torch.no_grad():
        model[0].weight[:] = torch.tensor([[31.0, 1, 2, 3], [1, 7, 2, 3], [1, 6, 5, 4]]) / 31
    dense = attacks.damage_of_flips(chip(model, cell_bits=1))
    squeezed = chip(model, cell_bits=1, squeezed_planes=2)
    table = attacks.damage_of_flips(squeezed)
    # Three bits are left: 4 / 31 but in the shifted row of the largest weight, where it is 16 / 28 as before.
    assert float(dense.largest[0]) == pytest.approx(16 / 31)
    largest = squeezed[0].array.placement.to_weight().abs().max() * 31
    assert float(table.largest[0]) == pytest.approx(16 / float(largest))
    changes = bit_changes(squeezed[0].array)
    unshifted = changes.change[changes.input > 0].abs() * 31
    assert float(unshifted.max()) == pytest.approx(4.0, rel=1e-5)


def brute_force(analog, batch):
    """Return the flip that raises the loss most, by trying every one."""
    best = None
    for flip in attacks.random_flips(analog, int(attacks.damage_of_flips(analog).bits.sum())):
        attacks.flip_cells(analog, [flip])
        value = float(nn.functional.cross_entropy(analog(batch[0]), batch[1]))
        attacks.flip_cells(analog, [flip])
        best = max(best or (value, flip), (value, flip))
    return best


def test_the_first_flip_of_a_linear_model_is_the_worst_of_all():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 3, bias=False))
    x = torch.randn(30, 6)
    batch = (x, model(x).argmax(1))
    analog = chip(model, cell_bits=1, weight_bits=4)
    value, flip = brute_force(analog, batch)
    record = attacks.progressive_bit_search(analog, batch, flips=1)
    # The gradient ranks, the loss is not linear: the flip may be another one, nearly as bad.
    start = record.attrs["objective"]
    assert float(record.objective[0]) - start > 0.7 * (value - start)
    assert flip.layer == "0"


def test_the_search_hurts_far_more_than_chance():
    searched = chip(cell_bits=1)
    record = attacks.progressive_bit_search(searched, (X, Y), flips=6, seed=0)
    assert record.sizes["flip"] == 6
    assert record.attrs["stopped"] == "flips"
    losses = [record.attrs["objective"], *record.objective.values.tolist()]
    assert all(later > earlier for earlier, later in itertools.pairwise(losses))
    random_losses = []
    for seed in range(5):
        other = chip(cell_bits=1)
        attacks.flip_cells(other, attacks.random_flips(other, 6, seed=seed))
        random_losses.append(float(nn.functional.cross_entropy(other(X), Y)))
    assert losses[-1] - losses[0] > 3 * (max(random_losses) - losses[0])
    # The record is what the chip does.
    assert float(nn.functional.cross_entropy(searched(X), Y)) == pytest.approx(losses[-1], rel=1e-6)
    assert float((searched(X).argmax(1) == Y).float().mean()) == pytest.approx(float(record.accuracy[-1]))
    fresh = chip(cell_bits=1)
    flips = [
        attacks.BitFlip(
            layer=str(record.layer[i].item()),
            **{name: int(record[name][i]) for name in ("plane", "input", "output", "bit")},
        )
        for i in range(6)
    ]
    assert len(set(flips)) == 6
    attacks.flip_cells(fresh, flips)
    torch.testing.assert_close(fresh(X), searched(X))


def test_the_search_stops_where_it_is_asked_to():
    analog = chip(cell_bits=1)
    record = attacks.progressive_bit_search(analog, (X, Y), flips=40, until=0.7, validation=[(X[:20], Y[:20])], tried=1)
    assert record.attrs["stopped"] == "until"
    assert float(record.accuracy[-1]) < 0.7
    assert (record.accuracy[:-1] >= 0.7).all()


def test_a_targeted_attack_sends_a_class_elsewhere_and_keeps_the_others():
    analog = chip(cell_bits=1)
    source = int(Y.mode().values)
    chosen = (source + 1) % 5
    objective = attacks.misclassify_as(chosen, source=source)
    before = (analog(X)[source == Y].argmax(1) == chosen).float().mean()
    attacks.progressive_bit_search(analog, (X, Y), flips=8, objective=objective)
    answers = analog(X).argmax(1)
    assert float((answers[source == Y] == chosen).float().mean()) > float(before) + 0.3


def test_the_objective_of_a_targeted_attack():
    scores, classes = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    wanted = nn.functional.cross_entropy(scores[:1], torch.tensor([1]))
    kept = nn.functional.cross_entropy(scores[1:], torch.tensor([1]))
    torch.testing.assert_close(attacks.misclassify_as(1, source=0, keep=0.5)(scores, classes), -wanted - 0.5 * kept)
    torch.testing.assert_close(attacks.misclassify_as(1)(scores, classes), -(wanted + kept) / 2)


@pytest.mark.parametrize(
    ("flip", "message"),
    [
        ({"layer": "9", "plane": 0, "input": 0, "output": 0}, "`flips` must name analog layers. Got '9'"),
        ({"layer": "3", "plane": 9, "input": 0, "output": 0}, "`plane` must lie in"),
        ({"layer": "3", "plane": 0, "input": 64, "output": 0}, "`row` must lie in"),
        ({"layer": "3", "plane": 0, "input": 0, "output": 0, "bit": 4}, "`bit` must lie in 0 .. 3"),
    ],
)
def test_flips_that_are_not_there_are_refused(flip, message):
    analog = chip()
    with pytest.raises(devices.FieldError, match=message):
        attacks.flip_cells(analog, [attacks.BitFlip(**flip)])


def test_released_and_compensated_cells_have_no_bits():
    squeezed = chip(cell_bits=1, squeezed_planes=3)
    top = attacks.BitFlip(layer="3", plane=4, input=0, output=0)
    with pytest.raises(devices.FieldError, match="whose array was released"):
        attacks.locate_flips(squeezed, [top])
    config = xb.CrossbarConfig(
        device=CELL, wires=xb.Wires(row=5.0, column=5.0), compensation=xb.WireCompensation(),
        mapping=xb.MappingConfig(rows=16, cols=16),
    )  # fmt: skip
    analog = xb.convert_to_analog(network(), config).eval()
    xb.program_analog_weights(analog, seed=0)
    with pytest.raises(devices.FieldError, match="compensated for the wires"):
        attacks.random_flips(analog, 1)


def test_a_reference_cell_holds_no_bit():
    analog = chip(**MAPPINGS["reference column"])
    placement = analog[3].array.placement
    tile, column = (placement.column_index >= placement.outputs).nonzero()[0].tolist()
    with pytest.raises(devices.FieldError, match="must be those of a cell of a weight"):
        attacks.flip_at(analog, "3", tile=tile, row=15, column=column)


def test_more_flips_than_bits_are_refused():
    with pytest.raises(devices.FieldError, match="`number` must be <="):
        attacks.random_flips(chip(), 10**6)
    with pytest.raises(devices.FieldError, match="`source` must be another class"):
        attacks.misclassify_as(1, source=1)


def test_rewritten_cells_draw_anew_and_the_others_keep_their_draws():
    device = devices.Device(
        g_min=1e-6,
        g_max=2e-5,
        programming=devices.GaussianProgramming(spread=0.02),
        drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.02),
        read_noise=devices.RelativeReadNoise(ratio=0.05, draw="programming"),
    )
    analog = chip(device=device)
    array = analog[3].array
    array.drift(1e4)
    before = array.cells
    chosen = torch.zeros_like(array.placement.used)
    chosen[0, -3:, :2] = True
    written = chosen & array.placement.used
    rewrite_cells(array, chosen, torch.full_like(before.programmed, 1e-5), generator=torch.Generator().manual_seed(0))
    now = array.cells
    for name in ("programmed", "drift_state", "read_deviation"):
        old, new = getattr(before, name), getattr(now, name)
        assert bool((new[written] != old[written]).all())
        assert torch.equal(new[~written], old[~written])
    assert torch.equal(now.target, before.target)
    assert float(array.time) == 1e4
    assert float((now.programmed[written] - 1e-5).abs().max()) < 5 * 0.02 * device.window.span
