"""IBM aihwkit's models as our devices and ours as theirs, against the installed package."""

import copy
import dataclasses
import pickle
import warnings

import pytest
import torch

import devices

aihwkit_inference = pytest.importorskip(
    "aihwkit.inference", reason="aihwkit is not installed: pip install 'aimc-crossbar[aihwkit]'"
)
hermes = pytest.importorskip("aihwkit.inference.noise.hermes")
pytestmark = pytest.mark.reference

DAY = 86400.0
N = 200_000


def custom_drift():
    measured = {"g_lst": [0.0, 5.0, 25.0], "nu_mean_lst": [0.1, 0.06, 0.04], "nu_std_lst": [0.03, 0.02, 0.01]}
    return aihwkit_inference.CustomDriftPCMLikeNoiseModel(measured)


# model, acceptance range, by how much later ours starts to count, conductances in uS
MODELS = {
    "PCM": (aihwkit_inference.PCMLikeNoiseModel, {}, 20.0, (2.0, 12.5, 24.0)),
    "PCM at 50 uS": (lambda: aihwkit_inference.PCMLikeNoiseModel(g_max=50.0), {}, 20.0, (8.0, 25.0, 45.0)),
    "PCM, scaled": (
        lambda: aihwkit_inference.PCMLikeNoiseModel(prog_noise_scale=0.5, read_noise_scale=2.0, drift_scale=0.7),
        {},
        20.0,
        (12.5,),
    ),
    "custom drift": (custom_drift, {}, 20.0, (4.0, 15.0)),
    "Hermes, two devices": (hermes.HermesNoiseModel, {}, 300.0, (2.0, 10.0, 18.0)),
    "Hermes, one device": (lambda: hermes.HermesNoiseModel(num_devices=1), {}, 200.0, (1.0, 5.0, 9.0)),
    "state independent": (aihwkit_inference.StateIndependentNoiseModel, {}, 20.0, (5.0, 20.0)),
    "Wan": (lambda: aihwkit_inference.ReRamWan2022NoiseModel(g_max=40.0), {}, 0.0, (15.0, 30.0)),
    "CMO": (
        lambda: aihwkit_inference.ReRamCMONoiseModel(acceptance_range=2),
        {"acceptance_percent": 2},
        0.0,
        (30.0, 60.0),
    ),
}
CASES = [pytest.param(name, g, id=f"{name} at {g:g} uS") for name, entry in MODELS.items() for g in entry[3]]


def theirs(model, g, t):
    """Programmed and drifted conductances of N cells in aihwkit, uS."""
    torch.manual_seed(0)
    target = torch.full((1, N), g)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs: numpy functions on tensors, masks in lists
        programmed = model.apply_programming_noise_to_conductance(target.clone())
        carried = model.generate_drift_coefficients(target.clone())
        drifted = model.apply_drift_noise_to_conductance(programmed, carried, t)
    return programmed.double(), drifted.double()


def ours(device, g, t):
    generator = torch.Generator().manual_seed(1)
    cells = devices.program_cells(device, torch.full((1, N), g * 1e-6), generator=generator)
    read = devices.read_conductance(device, cells, t, generator=generator)
    return cells.programmed.double() * 1e6, read.double() * 1e6


@pytest.mark.parametrize(("name", "g"), CASES)
def test_moments_of_their_models_are_theirs(name, g):
    make, arguments, shift, _ = MODELS[name]
    model = make()
    try:
        expected = theirs(model, g, DAY)
    except (IndexError, TypeError) as error:  # Hermes in 1.1 indexes with a list of masks
        pytest.skip(f"this aihwkit cannot run its own model with this torch: {error}")
    device = devices.from_aihwkit(model, **arguments)
    for got, wanted in zip(ours(device, g, DAY + shift), expected, strict=True):
        assert float(got.mean()) == pytest.approx(float(wanted.mean()), rel=5e-3)
        # aihwkit takes the 1/f amplitude at the noisy conductance, we at the target: below 1 % of sigma.
        assert float(got.std()) == pytest.approx(float(wanted.std()), rel=0.02)


@pytest.mark.parametrize("name", MODELS)
def test_their_window_is_kept(name):
    make, arguments, _, _ = MODELS[name]
    model = make()
    device = devices.from_aihwkit(model, **arguments)
    assert device.g_max == pytest.approx(model.g_max * 1e-6)
    assert device.g_min == pytest.approx(model.g_converter.g_min * 1e-6)
    assert "aihwkit" in device.source


def test_presets_are_their_defaults():
    for preset, model in (
        (devices.PCM_JOSHI_2020, aihwkit_inference.PCMLikeNoiseModel()),
        (devices.PCM_HERMES_TWO_DEVICES, hermes.HermesNoiseModel()),
        (devices.PCM_HERMES_ONE_DEVICE, hermes.HermesNoiseModel(num_devices=1)),
    ):
        bridged = devices.from_aihwkit(model)
        target = torch.linspace(0, preset.g_max, 50, dtype=torch.float64)
        for ask in (
            lambda d, g: d.programming.sigma(g, d.window),
            lambda d, g: d.read_noise.sigma(g, target=g, window=d.window, t=DAY),
            lambda d, g: d.drift.nu_mean(g / d.drift.reference),
            lambda d, g: d.drift.nu_spread(g / d.drift.reference),
        ):
            assert torch.allclose(ask(bridged, target), ask(preset, target), rtol=1e-4)


def test_wan_is_rescaled_and_says_so():
    model = aihwkit_inference.ReRamWan2022NoiseModel()
    with pytest.warns(devices.CorrectedModelWarning, match="unscaled at g_max = 25 uS"):
        device = devices.from_aihwkit(model)
    half = torch.tensor([device.g_max / 2], dtype=torch.float64)
    # 5.06 % of g_max at half range; aihwkit itself gives 8.1 %.
    assert float(device.programming.sigma(half, device.window)) / device.g_max == pytest.approx(0.0506, rel=2e-3)
    programmed, _ = theirs(model, 12.5, DAY)
    assert float(programmed.std()) / 25 == pytest.approx(0.081, rel=0.01)


def test_cmo_must_be_told_its_acceptance_range():
    model = aihwkit_inference.ReRamCMONoiseModel()
    with pytest.raises(ValueError, match=r"must say that 0\.2 % is meant: aihwkit falls back to it silently"):
        devices.from_aihwkit(model)
    half = torch.tensor([50e-6], dtype=torch.float64)
    for percent, sigma in ((0.2, 0.054e-6), (2, 0.576e-6)):
        device = devices.from_aihwkit(model, acceptance_percent=percent)
        assert float(device.programming.sigma(half, device.window)) == pytest.approx(sigma, rel=0.01)
    with pytest.raises(ValueError, match="`acceptance_percent` must be one of"):
        devices.from_aihwkit(model, acceptance_percent=1.0)
    with pytest.raises(ValueError, match="applies to ReRamCMONoiseModel only"):
        devices.from_aihwkit(aihwkit_inference.PCMLikeNoiseModel(), acceptance_percent=2)


def test_code_is_refused():
    with pytest.raises(TypeError, match=r"draw samples from the model and pass them to `devices\.fit`"):
        devices.from_aihwkit(aihwkit_inference.BaseNoiseModel())


def weights(shape=(64, 96)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3)) * 0.4


@pytest.mark.parametrize("device", devices.find_presets().values(), ids=devices.find_presets().keys())
def test_every_preset_runs_in_aihwkit(device):
    model = devices.to_aihwkit(device)
    assert isinstance(model, aihwkit_inference.BaseNoiseModel)
    assert model == copy.deepcopy(model)
    assert model == pickle.loads(pickle.dumps(model))
    programmed, carried = model.apply_programming_noise(weights())
    later = model.apply_drift_noise(programmed, carried, DAY)
    assert programmed.shape == later.shape == weights().shape
    assert later.isfinite().all()


def test_relative_weight_errors_are_theirs():
    w = (0.4 * torch.randn(256, 256, generator=torch.Generator().manual_seed(0))).clamp(-1, 1)
    mine = devices.to_aihwkit(devices.from_aihwkit(aihwkit_inference.PCMLikeNoiseModel()))
    their = aihwkit_inference.PCMLikeNoiseModel()
    torch.manual_seed(0)

    def errors(model, t):
        programmed, carried = model.apply_programming_noise(w)
        drifted = model.apply_drift_noise(programmed, carried, t)
        return [float((got - w).norm() / w.norm()) for got in (programmed, drifted)]

    for got, wanted in zip(errors(mine, DAY), errors(their, DAY), strict=True):
        assert got == pytest.approx(wanted, rel=0.05)


def test_pairs_stay_pairs():
    """At the programmed time and without noise, drifting gives back exactly what was programmed."""
    model = devices.to_aihwkit(dataclasses.replace(devices.RRAM_WAN_2022, read_noise=None))
    programmed, carried = model.apply_programming_noise(weights())
    # Handing over other weights changes nothing: the cells, not the noisy weights, are the state.
    again = model.apply_drift_noise(torch.zeros_like(programmed) + 7 * programmed, carried, 1.0)
    assert torch.allclose(again, programmed, rtol=1e-4, atol=1e-6)


def test_faults_stay_where_they_are():
    device = dataclasses.replace(devices.RRAM, stuck=devices.StuckCells(at_g_max=0.2), read_noise=None)
    model = devices.to_aihwkit(device)
    _, carried = model.apply_programming_noise(weights())
    assert float(carried[0][4].mean()) == pytest.approx(0.2, abs=0.03)
    with pytest.raises(ValueError, match="must go through `apply_programming_noise`"):
        model.generate_drift_coefficients(torch.full((2, 2), 10.0))


def test_their_network_runs_on_our_device():
    configs = pytest.importorskip("aihwkit.simulator.configs", reason="this aihwkit has no compiled extension")
    conversion = pytest.importorskip("aihwkit.nn.conversion")
    config = configs.TorchInferenceRPUConfig(noise_model=devices.to_aihwkit(devices.RRAM), drift_compensation=None)
    config.forward.is_perfect = True
    torch.manual_seed(0)
    digital = torch.nn.Linear(32, 16)
    analog = conversion.convert_to_analog(digital, config).eval()
    x = torch.randn(8, 32)
    analog.program_analog_weights()
    analog.drift_analog_weights(1e4)
    # Every conductance is 1e4^-0.04 of its own; the spread of 10 % stays.
    with torch.no_grad():
        ratio = float((analog(x) * digital(x)).sum() / digital(x).square().sum())
    assert ratio == pytest.approx(1e4**-0.04, abs=0.12)
