"""One vector on the CPU, whose range is found with numbers at hand, and in a batch, where it is not: the same codes."""

import pytest
import torch

import crossbar as xb
from crossbar.converters import InputConfig, code_range, quantize_inputs
from crossbar.converters.at_hand import at_hand


@pytest.mark.parametrize("negative", ["two_phase", "offset"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lowest", [0.0, -0.5, -3.0])
@pytest.mark.parametrize("largest", [1.0, 1e-44, 0.0, 3e38])
def test_codes_of_one_vector_are_those_of_the_vector_in_a_batch(negative, dtype, lowest, largest):
    config = InputConfig(negative=negative)
    x = torch.linspace(lowest, 1, 300, dtype=dtype).mul_(largest / max(1, -lowest)).expand(2, -1)
    alone = code_range(x[:1], config, vector_dimensions=1, static_range=None)
    batch = code_range(x, config, vector_dimensions=1, static_range=None)
    assert torch.equal(alone.scale.flatten(), batch.scale[0])
    assert torch.equal(quantize_inputs(x[:1], alone, config), quantize_inputs(x, batch, config)[:1])


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 0.7), (-0.25, 2.0)])
def test_a_static_range_is_the_same_whether_its_numbers_are_at_hand(bounds):
    config, x = InputConfig(range="static", bits=5), torch.randn(4, 50)
    looked_at = code_range(x, config, vector_dimensions=1, static_range=torch.tensor(bounds))
    assert isinstance(looked_at.highest, float)

    def codes_and_scale(x):
        found = code_range(x, config, vector_dimensions=1, static_range=torch.tensor(bounds))
        assert isinstance(found.highest, torch.Tensor)
        return quantize_inputs(x, found, config), found.scale

    codes, scale = torch.compile(codes_and_scale, backend="eager")(x)
    assert torch.equal(codes, quantize_inputs(x, looked_at, config))
    assert torch.equal(scale, looked_at.scale)


def test_a_range_that_learns_has_its_gradient():
    bounds = torch.tensor([-1.0, 2.0], requires_grad=True)
    found = code_range(torch.ones(1, 3), InputConfig(range="static"), vector_dimensions=1, static_range=bounds)
    found.scale.backward()
    torch.testing.assert_close(bounds.grad, torch.tensor([0.0, 1 / 127]))


def test_vectors_can_be_mapped_over():
    analog = xb.convert_to_analog(torch.nn.Linear(6, 3), xb.CrossbarConfig()).eval()
    xb.program_analog_weights(analog, seed=0)
    x = torch.randn(5, 6)
    with torch.no_grad():
        torch.testing.assert_close(torch.vmap(analog)(x), analog(x))


def test_numbers_are_at_hand_on_the_cpu_only():
    assert at_hand(torch.ones(()))
    assert not at_hand(torch.ones((), device="meta"))
    assert not torch.compile(lambda x: x + at_hand(x), backend="eager")(torch.zeros(()))
