"""IBM aihwkit's inference noise models as our devices.

The model is read, not run: its coefficients become our effects, in siemens. The formulas are those of aihwkit 1.1 and
1.2, `aihwkit/inference/noise/*.py`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from devices.arguments import checked
from devices.caller_warning import warn_caller
from devices.curves import AbstractCurve, ClampedLogarithm, ClampedPower, Constant, Polynomial, Scaled, Table
from devices.device import Device
from devices.drift import AbstractDrift, LogarithmicDrift, RelaxationDrift, StateDependentPowerLawDrift
from devices.presets import PCM_HERMES_ONE_DEVICE, PCM_HERMES_TWO_DEVICES, PCM_JOSHI_2020
from devices.programming import PolynomialProgramming
from devices.read_noise import OneOverFReadNoise

MICROSIEMENS = 1e-6
_WAN_REFERENCE = 40.0
_WAN_DEFAULT_TIMES = (1.0, 86400.0, 172800.0)


class CorrectedModelWarning(UserWarning):
    """A model of another tool is taken over with an error of that tool corrected."""


@checked
def from_aihwkit(noise_model: Any, *, acceptance_percent: float | None = None) -> Device:
    """Return the device that an aihwkit inference noise model stands for.

    Parameters
    ----------
    noise_model
        A `PCMLikeNoiseModel`, `CustomDriftPCMLikeNoiseModel`, `HermesNoiseModel`, `StateIndependentNoiseModel`,
        `ReRamWan2022NoiseModel` or `ReRamCMONoiseModel`; its scale factors, converter window and coefficients count.
    acceptance_percent
        For `ReRamCMONoiseModel` only: the acceptance range that is meant, 0.2 or 2. aihwkit's default, `2e-2`, matches
        none of its keys and silently becomes 0.2 %, so that a model with 0.2 % may have been meant either way.

    Returns
    -------
    Device
        aihwkit's times count from the first read at `t_0`, ours from programming: `t = t_inference + t_0` for the
        phase-change models, `t = t_inference` for the others. Its read noise is drawn at every drift, ours at every
        read. It clamps CMO conductances to the window, here they are clamped to >= 0 only.

    Raises
    ------
    TypeError
        If the model is none of these: code cannot be turned into numbers. `fit` makes a device of samples from it.
    ValueError
        If it is a CMO model with 0.2 % and `acceptance_percent` does not say that this is meant, or a Hermes model that
        claims more than the measured conductance.

    Warns
    -----
    CorrectedModelWarning
        If a Wan 2022 model has another `g_max` than the 40 uS of its fit: aihwkit does not rescale the fit, this does.
    """
    name = type(noise_model).__name__
    readers: dict[str, Callable[[Any], Device]] = {
        "PCMLikeNoiseModel": _phase_change,
        "CustomDriftPCMLikeNoiseModel": _custom_drift,
        "HermesNoiseModel": _hermes,
        "StateIndependentNoiseModel": _state_independent,
        "ReRamWan2022NoiseModel": _wan,
        "ReRamCMONoiseModel": lambda model: _cmo(model, acceptance_percent),
    }
    if name not in readers:
        raise TypeError(
            f"`noise_model` must be one of aihwkit's own models ({', '.join(readers)}). Got {name}. "
            "A device is made of numbers: draw samples from the model and pass them to `devices.fit`."
        )
    if acceptance_percent is not None and name != "ReRamCMONoiseModel":
        raise ValueError(f"`acceptance_percent` applies to ReRamCMONoiseModel only. Got it with {name}.")
    return readers[name](noise_model)


def _device(model: Any, **effects: Any) -> Device:
    return Device(
        g_min=float(getattr(model.g_converter, "g_min", 0.0)) * MICROSIEMENS,
        g_max=float(model.g_max) * MICROSIEMENS,
        name=type(model).__name__,
        source=f"aihwkit {type(model).__name__}",
        **effects,
    )


def _polynomial(model: Any, coefficients: list[float], scale: float) -> PolynomialProgramming:
    return PolynomialProgramming(
        coefficients=tuple(float(c) * scale * MICROSIEMENS for c in coefficients), reference=model.g_max * MICROSIEMENS
    )


def _power_law(model: Any, nu_mean: AbstractCurve, nu_spread: AbstractCurve, reference: float) -> AbstractDrift:
    return StateDependentPowerLawDrift(
        nu_mean=_scaled(nu_mean, model.drift_scale),
        nu_spread=_scaled(nu_spread, model.drift_scale),
        reference=reference * MICROSIEMENS,
        t0=model.t_0,
    )


def _one_over_f(model: Any, amplitude: AbstractCurve) -> OneOverFReadNoise:
    return OneOverFReadNoise(
        amplitude=_scaled(amplitude, model.read_noise_scale),
        reference=model.g_max * MICROSIEMENS,
        t_read=model.t_read,
        t0=model.t_0,
    )


def _scaled(curve: AbstractCurve, factor: float) -> AbstractCurve:
    return curve if factor == 1 else Scaled(curve=curve, factor=float(factor))


def _phase_change(model: Any) -> Device:
    scale = model.prog_noise_scale * model.g_max / getattr(model, "prog_coeff_g_max_reference", model.g_max)
    joshi = PCM_JOSHI_2020.drift
    if not isinstance(joshi, StateDependentPowerLawDrift):
        raise TypeError(f"PCM_JOSHI_2020 must drift by state. Got {joshi!r}.")
    return _device(
        model,
        programming=_polynomial(model, model.prog_coeff, scale),
        read_noise=_one_over_f(model, ClampedPower(scale=0.0088, exponent=-0.65, high=0.2)),
        drift=_power_law(model, joshi.nu_mean, joshi.nu_spread, model.g_max),
    )


def _custom_drift(model: Any) -> Device:
    measured = model.custom_drift_model
    conductances = tuple(float(g) for g in measured["g_lst"])
    mean, spread = (
        Table(arguments=conductances, values=tuple(float(nu) for nu in measured[key]))
        for key in ("nu_mean_lst", "nu_std_lst")
    )
    return dataclasses.replace(_phase_change(model), drift=_power_law(model, mean, spread, 1.0))


def _hermes(model: Any) -> Device:
    preset = PCM_HERMES_ONE_DEVICE if model.num_devices == 1 else PCM_HERMES_TWO_DEVICES
    if model.g_max * MICROSIEMENS > preset.g_max * (1 + 1e-6):
        raise ValueError(
            f"`noise_model.g_max` must be <= {preset.g_max:.4g} S, where Hermes cells were measured. "
            f"Got {model.g_max * MICROSIEMENS:.4g} S."
        )
    drift, noise = preset.drift, preset.read_noise
    if not isinstance(drift, StateDependentPowerLawDrift) or not isinstance(noise, OneOverFReadNoise):
        raise TypeError(f"{preset.name} must drift by state and have 1/f noise. Got {drift!r} and {noise!r}.")
    scale = model.prog_noise_scale * model.g_max / getattr(model, "prog_coeff_g_max_reference", model.g_max)
    return _device(
        model,
        programming=_polynomial(model, model.prog_coeff, scale),
        read_noise=_one_over_f(model, noise.amplitude),
        drift=_power_law(model, drift.nu_mean, drift.nu_spread, model.g_max),
    )


def _state_independent(model: Any) -> Device:
    return _device(
        model,
        programming=_polynomial(model, model.prog_coeff, model.prog_noise_scale),
        # aihwkit's rho is in uS at g_max, and the noise proportional to the conductance.
        read_noise=_one_over_f(model, Constant(value=1 / model.g_max)),
        drift=_power_law(model, Constant(value=model.drift_nu_mean), Constant(value=model.drift_nu_std), model.g_max),
    )


def _wan(model: Any) -> Device:
    times = tuple(float(t) for t in sorted(model.coeff_dic))
    published = hasattr(model, "prog_coeff_g_max_reference") or times == _WAN_DEFAULT_TIMES
    reference = _WAN_REFERENCE if published else float(getattr(model, "coeff_g_max_reference", model.g_max))
    if published and not math.isclose(model.g_max, _WAN_REFERENCE):
        warn_caller(
            f"aihwkit uses its fit at {_WAN_REFERENCE:g} uS unscaled at g_max = {model.g_max:g} uS; the device "
            f"returned has it rescaled, by {model.g_max / _WAN_REFERENCE:.3g}.",
            CorrectedModelWarning,
        )
    scale = model.noise_scale * model.g_max / reference
    fits = [_polynomial(model, model.coeff_dic[t], scale) for t in sorted(model.coeff_dic)]
    drift = None
    if len(times) > 1:
        curves = tuple(Polynomial(coefficients=fit.coefficients) for fit in fits)
        drift = RelaxationDrift(times=times, sigmas=curves, reference=fits[0].reference)
    return _device(model, programming=fits[0], drift=drift)


def _cmo(model: Any, acceptance_percent: float | None) -> Device:
    key = model.acceptance_range if acceptance_percent is None else acceptance_percent
    if key not in model.coeff_dict:
        raise ValueError(f"`acceptance_percent` must be one of {sorted(model.coeff_dict)}. Got {key!r}.")
    if acceptance_percent is None and key == min(model.coeff_dict):
        raise ValueError(
            f"`acceptance_percent` must say that {key} % is meant: aihwkit falls back to it silently, from its own "
            f"default too. Pass one of {sorted(model.coeff_dict)}. Got None."
        )
    scale = model.drift_scale * MICROSIEMENS
    spread_slope, spread_offset = model.decay_dict["std"]
    read = model.read_dict["K"] * model.read_noise_scale * MICROSIEMENS
    return _device(
        model,
        programming=PolynomialProgramming(
            coefficients=tuple(c * model.prog_noise_scale * MICROSIEMENS for c in model.coeff_dict[key]),
            reference=MICROSIEMENS,
        ),
        drift=LogarithmicDrift(
            mean_slope=model.decay_dict["mean"][0] * scale,
            spread_slope=spread_slope * scale,
            spread_offset=spread_offset * scale,
        ),
        read_noise=OneOverFReadNoise(
            amplitude=ClampedLogarithm(slope=read / math.log(10), intercept=0.0, low=0.0, high=1.0),
            reference=MICROSIEMENS,
            t_read=model.read_dict["t_read"],
            relative=False,
        ),
    )
