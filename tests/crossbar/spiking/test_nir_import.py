"""Networks from NIR graphs made by hand, without the package, against the equations written out."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import crossbar as xb


def node(kind, **fields):
    return type(kind, (SimpleNamespace,), {})(**fields)


def graph(nodes, edges=None):
    names = ["input", *nodes, "output"]
    edges = list(itertools.pairwise(names)) if edges is None else edges
    return SimpleNamespace(nodes={"input": node("Input"), **nodes, "output": node("Output")}, edges=edges)


RNG = np.random.default_rng(0)
LIF = {
    "tau": np.array([2e-3, 4e-3]),
    "r": np.array([3.0, 5.0]),
    "v_leak": np.array([0.1, -0.2]),
    "v_threshold": np.array([0.5, 0.4]),
    "v_reset": np.array([0.0, -0.3]),
}


def test_lif_neurons_follow_their_differential_equation():
    weight, bias = RNG.normal(size=(2, 3)), RNG.normal(size=2)
    model = xb.spiking_from_nir(
        graph({"fc.1": node("Affine", weight=weight, bias=bias), "lif": node("LIF", **LIF)}), time_step=5e-4
    ).double()
    inputs, membrane = RNG.normal(size=(60, 3)), LIF["v_reset"].copy()
    for x in inputs:
        current = weight @ x + bias
        membrane = membrane + 5e-4 / LIF["tau"] * (LIF["v_leak"] - membrane + LIF["r"] * current)
        spikes = membrane >= LIF["v_threshold"]
        membrane = np.where(spikes, LIF["v_reset"], membrane)
        assert model(torch.from_numpy(x)[None])[0].tolist() == spikes.astype(float).tolist()


def test_if_neurons_add_up():
    fields = {"r": np.array([2.0]), "v_threshold": np.array([1.0]), "v_reset": np.array([0.0])}
    model = xb.spiking_from_nir(graph({"if": node("IF", **fields)}), time_step=0.125)
    spikes = [float(model(torch.ones(1, 1))) for _ in range(8)]
    assert spikes == [0, 0, 0, 1, 0, 0, 0, 1]


def test_layers_are_those_of_torch_and_several_inputs_are_added():
    weight = RNG.normal(size=(4, 1, 3, 3))
    nodes = {
        "conv": node("Conv2d", weight=weight, bias=RNG.normal(size=4), stride=1, padding=(1, 1), dilation=1, groups=2),
        "scale": node("Scale", scale=np.array(0.5)),
        "pool": node("SumPool2d", kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        "average": node("AvgPool2d", kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        "flat": node("Flatten", start_dim=0, end_dim=-1),
        "last": node("Linear", weight=RNG.normal(size=(3, 4))),
    }
    edges = [("input", "conv"), ("conv", "scale"), ("conv", "pool"), ("scale", "pool"), ("pool", "average")]
    edges += [("average", "flat"), ("flat", "last"), ("last", "output")]
    model = xb.spiking_from_nir(graph(nodes, edges)).double()
    x = torch.randn(5, 2, 4, 4, dtype=torch.float64)
    y = torch.nn.functional.conv2d(
        x, torch.from_numpy(weight).float().double(), model.nodes["conv"].bias, padding=1, groups=2
    )
    expected = (1.5 * y).sum((2, 3)) / 4 @ torch.from_numpy(nodes["last"].weight).float().double().t()
    torch.testing.assert_close(model(x), expected)


def test_a_network_runs_over_time_on_crossbars():
    nodes = {"fc": node("Linear", weight=RNG.normal(size=(2, 3))), "lif": node("LIF", **LIF)}
    model = xb.spiking_from_nir(graph(nodes), time_step=1e-3)
    analog = xb.convert_to_analog(model, xb.CrossbarConfig(inputs=xb.InputConfig(bits=1)))
    xb.program_analog_weights(analog, seed=0)
    assert xb.run_over_time(analog.eval(), torch.rand(4, 3), 20, coding="rate").answer.shape == (4, 2)


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (graph({"x": node("CubaLIF")}), TypeError, "Node 'x' of kind CubaLIF cannot be converted"),
        (
            graph({"a": node("Scale", scale=1.0), "b": node("Scale", scale=1.0)}, [("a", "b"), ("b", "a")]),
            ValueError,
            "no recurrent connections",
        ),
        (SimpleNamespace(nodes={"out": node("Output")}, edges=[]), ValueError, "one Input node. Got 0"),
        (
            graph({"lif": node("LIF", **{**LIF, "tau": np.array([1e-5, 1.0])})}),
            ValueError,
            "`time_step` must be below every `tau`",
        ),
    ],
)
def test_graphs_that_cannot_be_are_refused_by_name(made, error, message):
    with pytest.raises(error, match=message):
        xb.spiking_from_nir(made)


def test_a_file_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ImportError, match=r"aimc-crossbar\[nir\]"):
        xb.spiking_from_nir("x.nir")


def test_files_are_read(tmp_path):
    nir = pytest.importorskip("nir", reason="nir is not installed")
    fields = {name: values.astype(np.float32) for name, values in LIF.items()}
    made = nir.NIRGraph.from_list(nir.Linear(weight=np.ones((2, 3), np.float32)), nir.LIF(**fields))
    nir.write(tmp_path / "net.nir", made)
    model = xb.spiking_from_nir(tmp_path / "net.nir", time_step=1e-3)
    assert model(torch.ones(4, 3)).shape == (4, 2)
