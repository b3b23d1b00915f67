"""Converted models inside torch's own machinery: compile, export, autocast, half precision, process groups, meta."""

import copy
from dataclasses import replace
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

import crossbar as xb
from devices import RelativeReadNoise

WIRES = xb.Wires(row=1.0, column=2.0, driver=50.0, sense=20.0)
COLLAPSED = xb.CrossbarConfig(device=xb.devices.RRAM, wires=WIRES, mapping=xb.MappingConfig(rows=16, cols=8))
TILED = replace(COLLAPSED, adc=xb.ADC(bits=7, range="column"), inputs=xb.InputConfig(bits=6, dac_bits=2))
CONFIGS = {
    "collapsed": COLLAPSED,
    "tiled": TILED,
    "offset inputs": replace(TILED, inputs=xb.InputConfig(bits=6, dac_bits=2, negative="offset")),
}


def network():
    return nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 25, 4))


def programmed(config, seed=0):
    torch.manual_seed(3)
    model = xb.convert_to_analog(network(), config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    return model


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiles_to_one_graph(config):
    model, x = programmed(config), torch.randn(3, 2, 5, 5)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_exports(config):
    model, x = programmed(config), torch.randn(3, 2, 5, 5)
    with torch.no_grad():
        exported = torch.export.export(model, (x,)).module()
        torch.testing.assert_close(exported(x), model(x), rtol=1e-4, atol=1e-5)


def test_autocast_leaves_the_conductances_alone(config):
    model, x = programmed(config), torch.randn(3, 2, 5, 5)
    layer = model[0]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(x), programmed(config)[0](x))
        assert layer(x.bfloat16()).dtype == torch.bfloat16
    with torch.no_grad():
        assert torch.equal(layer(x), programmed(config)[0](x))


def test_half_precision_models_keep_their_conductances(config):
    model, x = programmed(config), torch.randn(3, 2, 5, 5)
    half = copy.deepcopy(model).bfloat16()
    assert half[0].weight.dtype == torch.bfloat16
    assert torch.equal(half[0].array.programmed, model[0].array.programmed)
    output = half(x.bfloat16())
    assert output.dtype == torch.bfloat16
    assert (output.float() - model(x)).norm() <= 0.1 * model(x).norm()


def test_double_precision_models_read_in_double(config):
    model, x = programmed(config).double(), torch.randn(3, 2, 5, 5)
    assert model(x.double()).dtype == torch.float64
    torch.testing.assert_close(model(x.double()).float(), programmed(config)(x), rtol=2e-2, atol=2e-2)


def test_models_on_the_meta_device_load_by_assignment(config):
    model = programmed(config)
    with torch.device("meta"):
        empty = xb.convert_to_analog(network(), config).eval()
    empty.load_state_dict(copy.deepcopy(model.state_dict()), assign=True)
    x = torch.randn(3, 2, 5, 5)
    assert torch.equal(empty(x), model(x))


def test_process_groups_share_the_chip_of_rank_zero(tmp_path, config):
    mp.spawn(_compare_chips, (str(tmp_path / "store"), config), nprocs=2)


def _compare_chips(rank, store, config):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    model = programmed(config, seed=rank)
    x = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    expected = programmed(config, seed=0)(x)
    alone = model(x)
    shared = nn.parallel.DistributedDataParallel(model)
    same = torch.equal(shared(x), expected)
    differs = rank == 0 or not torch.equal(alone, expected)
    dist.destroy_process_group()
    if not (same and differs):
        raise AssertionError(f"rank {rank}: same as rank 0: {same}; another chip before: {differs}")


def test_read_noise_follows_torch_seed(config):
    noisy = replace(config.device, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))
    model, x = programmed(replace(config, device=noisy)), torch.randn(3, 2, 5, 5)
    torch.manual_seed(5)
    first, second = model(x), model(x)
    torch.manual_seed(5)
    assert torch.equal(model(x), first)
    assert not torch.equal(first, second)
