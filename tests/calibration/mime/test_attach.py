import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
from calibration import mime
from tests.calibration.mime.mime_networks import NOISY, VECTORS, Images, analog, images, network, seeded


def same_output(first, second, x):
    torch.manual_seed(5)
    expected = first(x)
    torch.manual_seed(5)
    torch.testing.assert_close(second(x), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", VECTORS)
class TestEveryKindOfReLU:
    def test_every_call_site_gets_a_threshold_of_its_own(self, name):
        kind, sites = VECTORS[name]
        model, x = network(kind), torch.randn(9, 6)
        attached = mime.attach_thresholds(model, x)
        found = dict(mime.named_thresholds(attached))
        assert len(found) == sites
        assert len({id(site.threshold) for site in found.values()}) == sites
        assert not any(isinstance(module, nn.ReLU) for module in attached.modules())
        same_output(model, attached, x)
        same_output(model, copy.deepcopy(attached), x)

    def test_on_a_programmed_chip(self, name):
        model, x = analog(network(VECTORS[name][0])), torch.randn(9, 6)
        attached = mime.attach_thresholds(model, x)
        assert [n for n, _ in xb.named_analog_layers(attached)] == [n for n, _ in xb.named_analog_layers(model)]
        same_output(model, attached, x)

    def test_each_threshold_acts(self, name):
        x = torch.randn(9, 6)
        attached = mime.attach_thresholds(network(VECTORS[name][0]), x)
        before = attached(x)
        for _, site in mime.named_thresholds(attached):
            site.threshold.data.fill_(1e3)
            assert not torch.equal(attached(x), before)
            site.threshold.data.zero_()


def test_it_says_which_were_replaced():
    attached = mime.attach_thresholds(network(VECTORS["functions"][0]), torch.randn(2, 6))
    assert [site.replaces for _, site in mime.named_thresholds(attached)] == ["relu()", "relu()", ".relu()", "relu()"]
    attached = mime.attach_thresholds(network(), images(2), granularity="channel")
    found = dict(mime.named_thresholds(attached))
    assert list(found) == ["relu1", "relu2"]
    assert found["relu2"].threshold.shape == (6, 1, 1)
    assert "36x6" not in repr(attached)
    assert "6x6x6 neurons, one per channel, replaces nn.ReLU 'relu2'" in repr(attached)


def test_layers_are_shared_only_in_place():
    model = network()
    copied = mime.attach_thresholds(model, images(2))
    shared = mime.attach_thresholds(model, images(2), inplace=True)
    assert copied.conv1 is not model.conv1
    assert shared.conv1 is model.conv1
    assert isinstance(model.relu1, nn.ReLU)
    assert not [key for key in model.state_dict() if "threshold" in key]


def test_initial_thresholds_and_modes():
    model = network().train()
    attached = mime.attach_thresholds(model, images(2), initial=0.25)
    assert all((site.threshold == 0.25).all() for _, site in mime.named_thresholds(attached))
    assert attached.training
    assert model.training
    assert model.bn1.training


def test_the_seed_programs_the_same_chip_through_either():
    model = xb.convert_to_analog(network(), NOISY)
    attached = xb.convert_to_analog(mime.attach_thresholds(network(), images(2)), NOISY, overrides={"re:relu.*": None})
    for chip in (model, attached):
        xb.program_analog_weights(chip, generator=seeded(3))
    same_output(model, attached, images())


class Residual(nn.Module):
    """Reads its input again after a ReLU that leaves it alone."""

    def forward(self, x):
        y = x * 1
        return torch.relu(y) + y


def test_what_a_relu_does_not_overwrite_is_read_as_it_was():
    x = torch.randn(9, 6)
    same_output(Residual(), mime.attach_thresholds(Residual(), x), x)


class Branching(nn.Module):
    def forward(self, x):
        return torch.relu(x) if x.sum() > 0 else x


class Sneaky(nn.Module):
    """Overwrites through a view, which no graph shows."""

    def forward(self, x):
        y = x * 1
        F.relu(y[:, :3], inplace=True)
        return y


class Flat(nn.Module):
    def forward(self, x):
        return torch.relu(x.flatten()).view(x.shape)


def test_models_that_cannot_have_thresholds_are_refused():
    x = torch.randn(4, 6)
    with pytest.raises(ValueError, match="applies no ReLU"):
        mime.attach_thresholds(nn.Linear(6, 2), x)
    with pytest.raises(ValueError, match=r"cannot be traced by torch\.fx"):
        mime.attach_thresholds(Branching(), x)
    with pytest.raises(RuntimeError, match="another output when traced"):
        mime.attach_thresholds(Sneaky(), x)
    with pytest.raises(ValueError, match="batch as the first dimension"):
        mime.attach_thresholds(Flat(), x)
    with pytest.raises(ValueError, match="has thresholds already"):
        mime.attach_thresholds(mime.attach_thresholds(network(), images(2)), images(2))
    with pytest.raises(RuntimeError, match="not programmed"):
        mime.attach_thresholds(xb.convert_to_analog(network(Images), NOISY), images(2))
    layer = nn.Sequential(
        nn.Linear(6, 6), nn.ReLU(), nn.TransformerEncoderLayer(6, 2, activation=nn.ReLU(), dropout=0.0)
    )
    with pytest.raises(ValueError, match="inside layers that are called as a whole"):
        mime.attach_thresholds(layer, torch.randn(4, 3, 6))


def test_a_forward_that_asks_for_types_is_told():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.relu = nn.LSTM(4, 4), nn.ReLU()

        def forward(self, x):
            output = self.layer(x)
            return self.relu(output[0] if isinstance(output, tuple) else output)

    with pytest.raises(ValueError, match=r"runs, but not as torch.fx traced it"):
        mime.attach_thresholds(Asks(), torch.randn(3, 2, 4))
