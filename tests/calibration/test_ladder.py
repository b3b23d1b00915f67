import dataclasses
import json

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import LADDER, REMEDIES, Remedy, apply_remedies, plot_ladder, recovery_ladder
from crossbar.examples import accuracy
from tests.calibration.conftest import PAPER_WIRES
from tests.calibration.model_states import moved, snapshot

CONFIG = xb.CrossbarConfig(
    device=dataclasses.replace(devices.RRAM, drift=devices.PowerLawDrift(nu=0.1, nu_spread=0.02)),
    wires=PAPER_WIRES,
    mapping=xb.MappingConfig(cell_bits=4),
)


@pytest.fixture(scope="module")
def ladder(digits):
    return recovery_ladder(
        digits.model,
        CONFIG,
        digits.batches(128)[:6],
        list(digits.test.batches(270)),
        chips=2,
        overrides={"10": None},
        t=1e4,
    )


def test_every_remedy_is_measured_on_every_chip(ladder):
    assert ladder.accuracy.shape == (len(LADDER) - 1, 2)
    assert json.loads(ladder.attrs["skipped"]).keys() == {"layer-norm fine-tuning"}
    assert {"seconds", "batches", "parameters", "accuracy_digital"} <= set(ladder)
    assert ladder.remedy.values[0] == "none"
    assert all("units" in ladder[name].attrs for name in ladder)
    assert xb.config_from_json(ladder.attrs["config"]) == CONFIG


def test_remedies_win_accuracy_back(ladder):
    mean, digital = ladder.accuracy.mean("chip"), float(ladder.accuracy_digital)
    assert float(mean.sel(remedy="none")) < 0.5
    for name in ("exact statistics", "output affine", "exact statistics, then batch-norm fine-tuning"):
        assert float(mean.sel(remedy=name)) > digital - 0.05


def test_costs_are_what_the_remedies_move(ladder):
    cost = {name: ladder.parameters.sel(remedy=name).values.tolist() for name in ladder.remedy.values}
    channels = 16 + 32 + 32
    assert cost["none"] == [0, 0]
    assert cost["drift"] == [3, 3]
    assert cost["drift per column"] == [channels] * 2
    assert cost["exact statistics"] == [2 * channels] * 2
    assert cost["output affine"] == [2 * channels] * 2
    rank = 4 * (9 * (1 + 16 + 32) + channels)
    assert cost["low rank"] == [rank] * 2
    assert all(0.9 * 4 * channels <= n <= 4 * channels for n in cost["batch-norm fine-tuning"])
    batches = {name: int(ladder.batches.sel(remedy=name)[0]) for name in ladder.remedy.values}
    one_pass = 6
    assert batches["drift"] == 0
    assert batches["exact statistics"] == batches["output affine"] == one_pass
    assert batches["batch-norm fine-tuning"] == 5 * one_pass


def test_the_model_is_left_alone_and_seeds_give_the_same_chips(digits):
    before = snapshot(digits.model)
    arguments = (digits.model, CONFIG, digits.batches(256), list(digits.test.batches(270)))
    settings = {"ladder": [(), ("drift",)], "overrides": {"10": None}}
    first = recovery_ladder(*arguments, chips=2, seed=3, **settings)
    second = recovery_ladder(*arguments, chips=1, seed=4, **settings)
    assert torch.equal(torch.tensor(first.accuracy[:, 1].values), torch.tensor(second.accuracy[:, 0].values))
    assert not moved(digits.model, before)


def test_without_batchnorm_the_rungs_that_need_none_are_left(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    found = recovery_ladder(
        model,
        xb.CrossbarConfig(),
        digits.batches(256)[:1],
        list(digits.test.batches(270)),
        chips=1,
        metric=lambda network, batches: 0.5,
    )
    needy = {name for name, remedy in REMEDIES.items() if remedy.needs_batchnorm or remedy.needs_relu}
    needy.add("layer-norm fine-tuning")
    expected = [rung for rung in LADDER if not needy & set(rung)]
    assert found.sizes["remedy"] == len(expected)
    assert (found.accuracy == 0.5).all()
    skipped = json.loads(found.attrs["skipped"])
    assert len(skipped) == len(LADDER) - len(expected)
    assert "no batch norm" in skipped["exact statistics"]
    assert "no ReLU" in skipped["thresholds"]
    with pytest.raises(ValueError, match="leaves no remedy"):
        recovery_ladder(model, xb.CrossbarConfig(), [], [], ladder=[("exact statistics",)])


def test_a_remedy_that_refuses_is_told_and_does_not_end_the_ladder(digits, tmp_path):
    chips = []

    def refuse_the_second(model, reference, batches):
        chips.append(model)
        if len(chips) == 2:
            raise FloatingPointError("The loss is nan.")

    def refuse(model, reference, batches):
        raise ValueError("Not on a Sunday.")

    remedies = {
        "moody": Remedy(refuse_the_second),
        "lazy": Remedy(refuse),
        "proud": Remedy(refuse, refusal=lambda model: "Beneath it."),
        **REMEDIES,
    }
    found = recovery_ladder(
        digits.model,
        xb.CrossbarConfig(),
        digits.batches(256)[:1],
        list(digits.test.batches(270)),
        chips=3,
        ladder=[("moody",), ("drift", "lazy"), ("proud", "drift"), ("drift",)],
        remedies=remedies,
    )
    assert found.remedy.values.tolist() == ["moody", "drift, then lazy", "drift"]
    assert found.accuracy.isnull().values.tolist() == [[False, True, False], [True] * 3, [False] * 3]
    assert found.parameters.isnull().equals(found.accuracy.isnull())
    assert json.loads(found.attrs["skipped"]) == {
        "proud, then drift": "Beneath it.",
        "moody": "Chip 1: The loss is nan.",
        "drift, then lazy": "Chip 0: Not on a Sunday.",
    }
    pytest.importorskip("matplotlib")
    figure = plot_ladder(found)
    figure.savefig(tmp_path / "ladder.png")
    assert "refused" in [text.get_text() for text in figure.axes[0].texts]


class OfSequences(nn.Module):
    """A layer over sequences (batch, time, 8), and a head on the last step."""

    def __init__(self, layer):
        super().__init__()
        self.kind = type(layer).__name__
        self.layer, self.relu, self.head = layer, nn.ReLU(), nn.Linear(8, 3)

    def forward(self, x):
        output = self.layer(x, x, x) if self.kind == "MultiheadAttention" else self.layer(x)
        output = output if self.kind == "TransformerEncoderLayer" else output[0]
        return self.head(self.relu(output[:, -1]))


COMPOSITES = {
    "LSTM": lambda: nn.LSTM(8, 8, batch_first=True),
    "GRU": lambda: nn.GRU(8, 8, batch_first=True),
    "RNN": lambda: nn.RNN(8, 8, batch_first=True),
    "MultiheadAttention": lambda: nn.MultiheadAttention(8, 2, batch_first=True),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_the_whole_ladder_runs_on_composites(name):
    torch.manual_seed(0)
    model = OfSequences(COMPOSITES[name]()).eval()
    x = torch.randn(24, 5, 8)
    with torch.no_grad():
        batches = list(zip(x.split(12), model(x).argmax(1).split(12), strict=True))
    found = recovery_ladder(model, xb.CrossbarConfig(device=devices.RRAM), batches, batches, chips=1, t=1e4)
    skipped = json.loads(found.attrs["skipped"])
    assert found.remedy.values.tolist() == [
        "none",
        "drift",
        "drift per column",
        "output affine",
        *(["layer-norm fine-tuning"] if name == "TransformerEncoderLayer" else []),
        "thresholds",
        "low rank",
    ]
    assert set(skipped) == {", then ".join(rung) for rung in LADDER[1:]} - set(found.remedy.values)
    assert found.accuracy.notnull().all()
    assert float(found.accuracy_digital) == 1
    assert (found.parameters.sel(remedy="low rank") > 0).all()


def test_studies_and_the_ladder_share_their_remedies(programmed, digits):
    steps = [remedy.step for remedy in REMEDIES.values()]
    assert all(steps)
    assert len(set(steps) | set(REMEDIES)) == 2 * len(REMEDIES)
    for name in ("input ranges", "ADC ranges"):
        with pytest.raises(ValueError, match="no layer with"):
            apply_remedies([REMEDIES[name]], programmed(), digits.model, digits.batches())
    config = {"inputs": xb.InputConfig(range="static"), "adc": xb.ADC(bits=8, range="calibrated")}
    names = ("input ranges", "ADC ranges", "exact statistics", "thresholds")
    batches = digits.batches()[:3]
    calibrated = apply_remedies([REMEDIES[n] for n in names], programmed(**config), digits.model, batches)
    assert accuracy(calibrated.eval(), digits.test) > 0.8


def test_training_through_the_wires_is_a_remedy(digits):
    model = xb.convert_to_analog(digits.model, CONFIG, overrides={"10": None})
    xb.program_analog_weights(model, seed=0)
    xb.drift_analog_weights(model, 1e3)
    before = accuracy(model.eval(), digits.test)
    remedy = REMEDIES["training through the wires"]
    trained = apply_remedies([remedy], model, digits.model, digits.batches(128)[:8])
    assert accuracy(trained.eval(), digits.test) > before + 0.2
    for layer in xb.analog_layers(trained):
        assert layer.array.config == CONFIG
        assert float(layer.array.time) == 1e3
    with pytest.raises(ValueError, match="resistance"):
        apply_remedies([remedy], xb.convert_to_analog(digits.model, xb.CrossbarConfig()), digits.model, [])
    known = xb.convert_to_analog(digits.model, dataclasses.replace(CONFIG, compensation=xb.WireCompensation()))
    with pytest.raises(ValueError, match="compensation"):
        apply_remedies([remedy], known, digits.model, [])


def test_bad_input(digits):
    with pytest.raises(ValueError, match=r"unknown remedies \['prayer'\]"):
        recovery_ladder(digits.model, CONFIG, [], [], ladder=[("prayer",)])
    with pytest.raises(ValueError, match="`chips` must be >= 1"):
        recovery_ladder(digits.model, CONFIG, [], [], chips=0)


def test_the_figure_shows_every_remedy(ladder, tmp_path):
    pytest.importorskip("matplotlib")
    figure = plot_ladder(ladder)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ladder.remedy.values.tolist()
    figure.savefig(tmp_path / "ladder.png")
    assert (tmp_path / "ladder.png").stat().st_size > 10_000
