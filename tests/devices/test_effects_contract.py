"""What every programming error, read noise and drift must keep to."""

import dataclasses

import pytest
import torch

import devices
from tests.devices.device_tables import CURVES, DRIFT, MEAN_OF_ANY_TARGET, MEAN_OVER_TARGET, PROGRAMMING, READ_NOISE

WINDOW = devices.Window(g_min=10e-6, g_max=40e-6)
DTYPES = [torch.float32, torch.float64]
NUMBERS = (int, float, str, bool, type(None))


def targets(*shape, dtype=torch.float64):
    return torch.linspace(WINDOW.g_min, WINDOW.g_max, torch.Size(shape).numel(), dtype=dtype).reshape(shape)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def travels_as_json(value):
    if dataclasses.is_dataclass(value):
        return all(travels_as_json(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, tuple):
        return all(travels_as_json(item) for item in value)
    return isinstance(value, NUMBERS)


@pytest.mark.parametrize(
    "effect", [*PROGRAMMING.values(), *READ_NOISE.values(), *DRIFT.values(), *CURVES.values()], ids=repr
)
def test_an_effect_is_a_value(effect):
    assert travels_as_json(effect)
    assert effect == dataclasses.replace(effect)
    assert hash(effect) == hash(dataclasses.replace(effect))
    with pytest.raises(dataclasses.FrozenInstanceError):
        effect.anything = 1
    # Checkpoints rebuild configs from the classes that the package exports.
    assert getattr(devices, type(effect).__name__) is type(effect)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PROGRAMMING)
class TestProgramming:
    def test_shape_dtype_and_sign(self, name, dtype):
        error = PROGRAMMING[name]
        for target in (targets(3, 4, dtype=dtype), targets(7, dtype=dtype), targets(1, dtype=dtype)[0]):
            programmed = error.apply(target, WINDOW, generator=seeded())
            sigma = error.sigma(target, WINDOW)
            assert programmed.shape == sigma.shape == target.shape
            assert programmed.dtype == sigma.dtype == dtype
            assert (programmed >= 0).all()
            assert (sigma >= 0).all()

    def test_same_seed_same_cells(self, name, dtype):
        error = PROGRAMMING[name]
        target = targets(5, 6, dtype=dtype)
        first, again, other = (error.apply(target, WINDOW, generator=seeded(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (float(error.sigma(target, WINDOW).max()) == 0)

    def test_spread_is_sigma(self, name, dtype):
        error = PROGRAMMING[name]
        for g in (WINDOW.g_min, 25e-6, WINDOW.g_max):
            target = torch.full((200_000,), g, dtype=dtype)
            programmed = error.apply(target, WINDOW, generator=seeded(3))
            sigma = float(error.sigma(target[:1], WINDOW))
            assert float(programmed.double().std()) == pytest.approx(sigma, rel=0.01, abs=1e-12)
            mean = MEAN_OF_ANY_TARGET.get(name, g * MEAN_OVER_TARGET.get(name, 1))
            assert float(programmed.double().mean()) == pytest.approx(mean, rel=1e-6, abs=5 * sigma / 200_000**0.5)

    def test_gradient(self, name, dtype):
        error = PROGRAMMING[name]
        target = targets(3, 2).requires_grad_()

        def scaled(g):
            return error.apply(g * 1e-6, WINDOW, generator=seeded()) * 1e6

        assert torch.autograd.gradcheck(scaled, ((target.detach() * 1e6).requires_grad_(),))


@pytest.mark.parametrize("noise", READ_NOISE.values(), ids=READ_NOISE.keys())
class TestReadNoise:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_shape_dtype_and_sign(self, noise, dtype):
        target = targets(4, 3, dtype=dtype)
        sigma = noise.sigma(target * 0.9, target=target, window=WINDOW, t=10.0)
        assert sigma.shape == target.shape
        assert sigma.dtype == dtype
        assert (sigma >= 0).all()

    def test_deviates_are_standard(self, noise):
        like = torch.empty(400_000, dtype=torch.float64)
        deviate = noise.deviate(like, generator=seeded(5))
        assert float(deviate.mean()) == pytest.approx(0, abs=5 / 400_000**0.5)
        assert float(deviate.var()) == pytest.approx(1, rel=0.01)
        assert torch.equal(deviate, noise.deviate(like, generator=seeded(5)))
        assert not torch.equal(deviate, noise.deviate(like, generator=seeded(6)))

    def test_gradient(self, noise):
        target = targets(3, 2)

        def scaled(g):
            return noise.sigma(g * 1e-6, target=target, window=WINDOW, t=10.0) * 1e6

        assert torch.autograd.gradcheck(scaled, ((target * 0.9e6).requires_grad_(),))


@pytest.mark.parametrize("drift", DRIFT.values(), ids=DRIFT.keys())
class TestDrift:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_shape_dtype(self, drift, dtype):
        target = targets(4, 3, dtype=dtype)
        state = drift.draw(target, WINDOW, generator=seeded())
        assert state is None or (state.shape == target.shape and state.dtype == dtype)
        drifted = drift.apply(target, target=target, state=state, t=3600.0, window=WINDOW)
        assert drifted.shape == target.shape
        assert drifted.dtype == dtype
        assert drifted.isfinite().all()

    def test_a_cell_keeps_its_draw(self, drift):
        target = targets(4, 3)
        state = drift.draw(target, WINDOW, generator=seeded())
        first, again = (drift.apply(target, target=target, state=state, t=3600.0, window=WINDOW) for _ in range(2))
        assert torch.equal(first, again)

    def test_gradient(self, drift):
        target = targets(3, 2)
        state = drift.draw(target, WINDOW, generator=seeded())

        def scaled(g):
            return drift.apply(g * 1e-6, target=target, state=state, t=3600.0, window=WINDOW) * 1e6

        assert torch.autograd.gradcheck(scaled, ((target * 1e6).requires_grad_(),))


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
class TestCurves:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_shape_dtype(self, curve, dtype):
        for x in (torch.linspace(0, 1, 12, dtype=dtype).reshape(3, 4), torch.tensor(0.3, dtype=dtype)):
            assert curve(x).shape == x.shape
            assert curve(x).dtype == dtype
            assert curve(x).isfinite().all()

    def test_float32_is_float64(self, curve):
        x = torch.linspace(0.01, 1, 200, dtype=torch.float64)
        assert torch.allclose(curve(x.float()).double(), curve(x), rtol=1e-5, atol=1e-6)

    def test_gradient(self, curve):
        x = torch.tensor([0.05, 0.15, 0.33, 0.61, 0.97], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(curve, (x,))
        zero = torch.zeros(1, requires_grad=True)
        curve(zero).sum().backward() if curve(zero).requires_grad else None
        assert zero.grad is None or zero.grad.isfinite().all()
