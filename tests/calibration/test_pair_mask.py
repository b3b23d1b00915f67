"""A network of random cells of which only a mask is trained."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import finetune, train_pair_mask
from crossbar.array.acting import act_as, acting_weights
from crossbar.classification import classification_accuracy

FORMED = devices.Device(g_min=1e-7, g_max=2e-5, programming=devices.AsFormedProgramming(median=1e-5, log_spread=0.5))


def chip(*sizes, seed=0, device=FORMED, **mapping):
    torch.manual_seed(0)
    pairs = itertools.pairwise(sizes)
    layers = [layer for pair in pairs for layer in (nn.Linear(*pair, bias=False), nn.ReLU())][:-1]
    config = xb.CrossbarConfig(device=device, mapping=xb.MappingConfig(cell_bits=7, rows=32, cols=32, **mapping))
    analog = xb.convert_to_analog(nn.Sequential(*layers), config).eval()
    xb.program_analog_weights(analog, seed=seed)
    return analog


def blobs(seed, number=200):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(number) % 4
    centres = torch.randn(4, 16, generator=torch.Generator().manual_seed(99))
    # Scores of so few random weights are small: larger inputs make the loss steep.
    return [(8 * (centres[labels] + 0.8 * torch.randn(number, 16, generator=generator)), labels)]


def test_a_chip_as_formed_ignores_its_weights():
    analog = chip(16, 4)
    first = analog[0].array.effective_weight.clone()
    cells = analog[0].array.cells.programmed
    with torch.no_grad():
        analog[0].weight *= torch.rand_like(analog[0].weight)
        analog[0].weight[0, 0] = 0.25  # the scale is that of the largest weight
    scale = analog[0].array.scale
    analog[0].program(seed=0)
    assert torch.equal(analog[0].array.cells.programmed, cells)
    torch.testing.assert_close(analog[0].array.effective_weight / analog[0].array.scale, first / scale)


@pytest.mark.parametrize("mapping", [{}, {"pairs": "bit_lines"}, {"pairs": "word_lines"}], ids=str)
@pytest.mark.parametrize("conv", [False, True])
def test_reset_pairs_give_zero_and_leave_the_others(mapping, conv):
    torch.manual_seed(1)
    module = nn.Conv2d(4, 6, 3, groups=2, bias=False) if conv else nn.Linear(20, 6, bias=False)
    config = xb.CrossbarConfig(
        device=FORMED, mapping=xb.MappingConfig(cell_bits=3, rows=8, cols=8, group_packing="absent", **mapping)
    )
    analog = xb.convert_to_analog(nn.Sequential(module), config).eval()
    xb.program_analog_weights(analog, seed=0)
    before = analog[0].array.effective_weight.clone()
    mask = torch.rand(before.t().shape, generator=torch.Generator().manual_seed(0)) < 0.4
    xb.reset_pairs(analog, {"0": mask})
    after = analog[0].array.effective_weight
    assert float(after[mask.t()].abs().max()) < 1e-6 * float(before.abs().max())
    assert torch.equal(after[~mask.t()], before[~mask.t()])


def test_the_mask_is_learned_and_the_chip_is_the_masked_network():
    analog = chip(16, 64, 4)
    untrained = classification_accuracy(analog, blobs(1))
    before = [layer.array.effective_weight.clone() for layer in xb.analog_layers(analog)]
    history = train_pair_mask(analog, blobs(0), epochs=60, kept=0.5, seed=0)
    assert float(history.loss[-1]) < 0.5 * float(history.loss[0])
    assert classification_accuracy(analog, blobs(1)) > untrained + 0.3
    for layer, weight in zip(xb.analog_layers(analog), before, strict=True):
        now = layer.array.effective_weight
        stays = now.abs() > 1e-6 * weight.abs().max()
        assert torch.equal(now[stays], weight[stays])
        assert float(stays.float().mean()) == pytest.approx(0.5, abs=0.01)


def test_patience_goes_back_to_the_mask_of_the_best_epoch():
    def trained(epochs, losses, **settings):
        analog, left = chip(16, 32, 4), iter(losses)

        def loss(output, target):
            if torch.is_grad_enabled():
                return nn.functional.cross_entropy(output, target)
            return torch.tensor(next(left))

        def constant(optimizer):
            return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)

        history = train_pair_mask(
            analog, blobs(0), epochs=epochs, loss=loss, validation=blobs(1), schedule=constant, seed=0, **settings
        )
        return history, [layer.array.effective_weight for layer in xb.analog_layers(analog)]

    losses = [3.0, 2.0, 4.0, 5.0]
    history, best = trained(8, losses, patience=2)
    assert history.validation_loss.values.tolist() == losses
    assert all(map(torch.equal, best, trained(2, losses)[1]))
    assert not all(map(torch.equal, best, trained(4, losses)[1]))


def test_a_masked_network_is_the_same_at_every_read_and_after_a_checkpoint():
    analog = chip(16, 32, 4)
    train_pair_mask(analog, blobs(0), epochs=2, seed=0)
    x = blobs(2)[0][0]
    first = analog(x)
    assert torch.equal(analog(x), first)
    other = chip(16, 32, 4, seed=1)
    other.load_state_dict(analog.state_dict())
    assert torch.equal(other(x), first)


def test_a_read_out_is_trained_on_a_reservoir():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 64, bias=False), nn.ReLU(), nn.Linear(64, 4))
    config = xb.CrossbarConfig(device=FORMED, mapping=xb.MappingConfig(cell_bits=7))
    analog = xb.convert_to_analog(network, config, overrides={"2": None}).eval()
    xb.program_analog_weights(analog, seed=0)
    untrained = classification_accuracy(analog, blobs(1))
    finetune(analog, blobs(0) * 20, ["re:2.*"], epochs=5)
    assert classification_accuracy(analog, blobs(1)) > untrained + 0.3


def test_acting_weights_are_put_back():
    analog = chip(16, 4)
    array = analog[0].array
    x, before = torch.randn(3, 16), analog[0].array.effective_weight
    output = analog(x)
    weight = torch.zeros_like(before, requires_grad=True)

    def read_and_fail():
        with acting_weights([array]):
            act_as(array, weight)
            zero = analog(x)
            assert not zero.any()
            zero.sum().backward()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_and_fail()
    assert weight.grad.abs().sum() > 0
    assert array.effective_weight is before
    assert torch.equal(analog(x), output)


@pytest.mark.parametrize("kept", [0.0, -0.1, 1.1])
def test_a_share_that_cannot_be_is_refused(kept):
    with pytest.raises(devices.FieldError, match="`kept` must lie in"):
        train_pair_mask(chip(16, 4), blobs(0), kept=kept)


def test_single_cells_are_refused():
    with pytest.raises(devices.FieldError, match="must be pairs of cells"):
        train_pair_mask(chip(16, 4, encoding="offset"), blobs(0))
    with pytest.raises(devices.FieldError, match="must be pairs of cells"):
        xb.reset_pairs(chip(16, 4, encoding="offset"), {"0": torch.ones(16, 4, dtype=torch.bool)})


def test_masks_that_do_not_fit_are_refused():
    analog = chip(16, 4)
    with pytest.raises(devices.FieldError, match=r"`masks` must name analog layers\. Got x"):
        xb.reset_pairs(analog, {"x": torch.ones(16, 4, dtype=torch.bool)})
    for mask in (torch.ones(4, 16, dtype=torch.bool), torch.ones(16, 4)):
        with pytest.raises(devices.FieldError, match=r"must be boolean, \(16, 4\)"):
            xb.reset_pairs(analog, {"0": mask})


def test_stuck_cells_stay_where_they_are():
    analog = chip(16, 4, device=replace(FORMED, stuck=devices.StuckCells(at_g_max=0.3)))
    array = analog[0].array
    before, stuck = copy.deepcopy(array.cells.programmed), array.cells.stuck
    xb.reset_pairs(analog, {"0": torch.ones(16, 4, dtype=torch.bool)})
    now, used = array.cells.programmed, array.placement.used
    assert torch.equal(now[stuck], before[stuck])
    assert torch.allclose(now[used & ~stuck], torch.tensor(FORMED.g_min))
