"""The digital twin: a layer for every matrix of an analog model, with its name and its weight."""

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import attach_low_rank, fit_output_affine, layer_deviations, recovery_ladder

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
IDEAL = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=14, cell_bits=7, rows=32, cols=32), inputs=xb.InputConfig(bits=None)
)
LOSSY = xb.CrossbarConfig(device=xb.devices.RRAM, mapping=xb.MappingConfig(rows=32, cols=32))


class First(nn.Module):
    """A module that gives several outputs, and the last step of the first of them classified."""

    def __init__(self, body, width):
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 3)

    def forward(self, x):
        outputs = self.body(x, x, x) if hasattr(self.body, "num_heads") else self.body(x)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        return self.head(outputs.mean(1) if outputs.ndim == 3 else outputs)


class Stepped(nn.Module):
    """A cell run over (batch, time, features)."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return state[0] if isinstance(state, tuple) else state


# Name: model over (batch, 6, 8); names of its matrices; input vectors of each for one of the batch.
def composites():
    batched = {"batch_first": True}
    return {
        "lstm": (nn.LSTM(8, 5, **batched), 5, {"cells.0.ih": 6, "cells.0.hh": 6}),
        "lstm, projected, both directions": (
            nn.LSTM(8, 5, proj_size=3, bidirectional=True, **batched),
            6,
            {f"cells.{n}.{kind}": 6 for n in range(2) for kind in ("ih", "hh", "hr")},
        ),
        "gru, two layers": (
            nn.GRU(8, 5, 2, **batched),
            5,
            {f"cells.{n}.{kind}": 6 for n in range(2) for kind in ("ih", "hh")},
        ),
        "rnn": (nn.RNN(8, 5, **batched), 5, {"cells.0.ih": 6, "cells.0.hh": 6}),
        "lstm cell": (Stepped(nn.LSTMCell(8, 5)), 5, {"cell.ih": 6, "cell.hh": 6}),
        "gru cell": (Stepped(nn.GRUCell(8, 5)), 5, {"cell.ih": 6, "cell.hh": 6}),
        "rnn cell": (Stepped(nn.RNNCell(8, 5, nonlinearity="relu")), 5, {"cell.ih": 6, "cell.hh": 6}),
        "attention": (nn.MultiheadAttention(8, 2, **batched), 8, {"projections.0": 6, "out_proj": 6}),
        "transformer": (
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, **batched),
            8,
            {"self_attn.projections.0": 6, "self_attn.out_proj": 6, "linear1": 6, "linear2": 6},
        ),
        "transposed convolution": (
            nn.Sequential(nn.ConvTranspose1d(6, 4, 3, stride=2, groups=2), nn.Flatten()),
            68,
            {"0": 17},
        ),
    }


@pytest.fixture(params=composites())
def case(request):
    """Return a digital model, an input, and the input vectors of every matrix per input of the batch."""
    torch.manual_seed(0)
    body, width, reads = composites()[request.param]
    reads = {f"body.{name}": count for name, count in reads.items()} | {"head": 1}
    return First(body, width).eval(), torch.randn(16, 6, 8), reads


def programmed(model, config):
    analog = xb.convert_to_analog(model, config).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog


def watched(model, names, x):
    """Return what every named layer gives for `x`, call by call."""
    seen = {name: [] for name in names}
    for name in names:
        model.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: seen[name].append(o))
    with torch.no_grad():
        model(x)
    return seen


def test_both_twins_give_what_the_analog_matrices_give_one_by_one(case):
    model, x, reads = case
    analog = programmed(model, IDEAL)
    got = watched(analog, reads, x)
    for digital in (analog, model):
        expected = watched(xb.digital_twin(digital), reads, x)
        for name in reads:
            assert len(got[name]) == len(expected[name]) > 0
            for one, other in zip(got[name], expected[name], strict=True):
                torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-3)


def test_twins_compute_the_same_and_share_the_parameters(case):
    model, x, _ = case
    analog = xb.convert_to_analog(model, LOSSY, inplace=False)
    with torch.no_grad():
        torch.testing.assert_close(xb.digital_twin(model)(x), model(x))
        torch.testing.assert_close(xb.digital_twin(analog)(x), model(x))
    assert {id(p) for p in xb.digital_twin(analog).parameters()} == {id(p) for p in analog.parameters()}
    assert not any(isinstance(m, xb.AbstractAnalogLayer) for m in xb.digital_twin(analog).modules())


def test_twins_have_no_hooks_of_the_analog_layers(case):
    model, x, reads = case
    analog = programmed(model, LOSSY)
    seen = watched(xb.digital_twin(analog), reads, x)
    before = {name: len(outputs) for name, outputs in seen.items()}
    analog(x)
    assert {name: len(outputs) for name, outputs in seen.items()} == before


def test_reports_count_the_reads_of_every_matrix(case):
    model, x, reads = case
    report = xb.mapping_report(xb.convert_to_analog(model, LOSSY), x)
    assert {str(name): int(report.reads.sel(layer=name)) for name in report.layer.values} == reads


def test_affine_fits_bring_every_model_closer(case):
    model, x, _ = case
    analog = programmed(model, LOSSY)
    with torch.no_grad():
        before = (analog(x) - model(x)).norm()
        fit_output_affine(analog, model, [x])
        after = (analog(x) - model(x)).norm()
    assert after < before
    assert all(layer.array.corrections["output_affine"].scale is not None for layer in xb.analog_layers(analog))


def test_affine_fits_undo_a_scale_and_an_offset_of_every_matrix(case):
    model, x, _ = case
    analog = programmed(model, IDEAL)
    for layer in xb.analog_layers(analog):
        layer.register_forward_hook(lambda m, i, o: 0.5 * o + 0.25)
    with torch.no_grad():
        assert (analog(x) - model(x)).norm() > 0.2 * model(x).norm()
        fit_output_affine(analog, model, [x])
        torch.testing.assert_close(analog(x), model(x), rtol=5e-3, atol=5e-3)


def test_ladders_climb_every_model(case):
    model, x, _ = case
    batches = [(x, model(x).argmax(1))]
    result = recovery_ladder(model, LOSSY, batches, batches, chips=1, ladder=[(), ("output affine",), ("low rank",)])
    assert list(result.remedy.values) == ["none", "output affine", "low rank"]
    assert float(result.accuracy_digital) == 1
    assert bool((result.parameters.sel(remedy=["output affine", "low rank"]) > 0).all())


def test_side_paths_start_at_zero_beside_every_matrix(case):
    model, x, _ = case
    analog = programmed(model, LOSSY)
    with torch.no_grad():
        before = analog(x)
        attach_low_rank(analog, rank=2, generator=torch.Generator().manual_seed(0))
        assert torch.equal(analog(x), before)


def test_a_side_path_of_full_rank_is_any_weight_of_a_transposed_convolution():
    torch.manual_seed(0)
    layer, x = nn.ConvTranspose2d(4, 6, (3, 2), stride=2, groups=2, bias=False), torch.randn(2, 4, 5, 5)
    analog = programmed(nn.Sequential(layer), IDEAL)
    attach_low_rank(analog, rank=3)
    path = analog[0].array.corrections["low_rank"]
    with torch.no_grad():
        path.down.copy_(analog[0].weight_matrix().t())  # every output of a group by itself
        path.up.copy_(torch.eye(3).expand(2, 3, 3))
        torch.testing.assert_close(analog(x), 2 * layer(x), rtol=2e-3, atol=2e-3)


def test_deviations_cover_every_matrix(case):
    model, _, reads = case
    deviations = layer_deviations(programmed(model, LOSSY))
    assert set(deviations.layer.values) == set(reads)
    assert bool((deviations.pc2 > 0).all())
