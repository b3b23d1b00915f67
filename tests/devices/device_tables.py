"""Tables of every effect and preset; a new member joins its table and inherits the contract suites."""

import math

import devices
from devices import curves

PROGRAMMING = {
    "exact": devices.ExactProgramming(),
    "gaussian of conductance": devices.GaussianProgramming(spread=0.1, relative_to="conductance"),
    "gaussian of window": devices.GaussianProgramming(spread=0.05, relative_to="window"),
    "gaussian absolute": devices.GaussianProgramming(spread=1e-6, relative_to="siemens"),
    "polynomial": devices.PolynomialProgramming(coefficients=(0.3e-6, 2e-6, -1e-6), reference=40e-6),
    "saturating": devices.SaturatingProgramming(limit=2e-6, scale=10e-6),
    "table": devices.TableProgramming(conductances=(5e-6, 20e-6, 30e-6, 50e-6), sigmas=(1e-7, 2e-6, 1e-6, 1.5e-6)),
    "lognormal": devices.LognormalProgramming(log_spread=0.2),
    "as formed": devices.AsFormedProgramming(median=20e-6, log_spread=0.5),
    "write-verify, cut normal": devices.WriteVerifyProgramming(acceptance=0.02, spread=0.02),
    "write-verify, nearly uniform": devices.WriteVerifyProgramming(acceptance=0.02, spread=5.0, relative_to="window"),
    "write-verify, uniform": devices.WriteVerifyProgramming(acceptance=1e-6, spread=1.0, relative_to="siemens"),
}
MEAN_OVER_TARGET = {"lognormal": math.exp(0.2**2 / 2)}
MEAN_OF_ANY_TARGET = {"as formed": 20e-6 * math.exp(0.5**2 / 2)}

READ_NOISE = {
    "relative": devices.RelativeReadNoise(ratio=0.05),
    "affine": devices.AffineReadNoise(slope=0.03, offset=0.13e-6),
    "affine per programming": devices.AffineReadNoise(slope=0.03, offset=0.13e-6, draw="programming"),
    "saturating": devices.SaturatingReadNoise(limit=1e-6, scale=10e-6),
    "thermal and shot": devices.ThermalShotReadNoise(bandwidth=1e8, read_voltage=0.2),
    "1/f relative": devices.OneOverFReadNoise(
        amplitude=curves.ClampedPower(scale=0.0088, exponent=-0.65, high=0.2), reference=25e-6, t_read=250e-9, t0=20.0
    ),
    "1/f absolute": devices.OneOverFReadNoise(
        amplitude=curves.ClampedLogarithm(slope=0.012e-6, intercept=0.0, low=0.0, high=1e-6),
        reference=1e-6,
        t_read=1e-6,
        relative=False,
    ),
    "telegraph": devices.TelegraphReadNoise(on_fraction=0.3, amplitude=0.1),
}

RELAXATION = devices.RelaxationDrift(
    times=(1.0, 100.0, 1e5),
    sigmas=(
        curves.Polynomial(coefficients=(0.3e-6, 1e-6)),
        curves.Polynomial(coefficients=(0.5e-6, 2e-6)),
        curves.Constant(value=3e-6),
    ),
    reference=40e-6,
)
DRIFT = {
    "power law": devices.PowerLawDrift(nu=0.05),
    "power law with spread": devices.PowerLawDrift(nu=0.05, nu_spread=0.01, t0=20.0),
    "power law by state": devices.StateDependentPowerLawDrift(
        nu_mean=curves.ClampedLogarithm(slope=-0.0155, intercept=0.0244, low=0.049, high=0.1),
        nu_spread=curves.Piecewise(
            threshold=0.5,
            below=curves.Table(arguments=(0.0, 0.5), values=(0.04, 0.01)),
            above=curves.Polynomial(coefficients=(0.01,)),
        ),
        reference=40e-6,
        t0=20.0,
    ),
    "logarithmic": devices.LogarithmicDrift(mean_slope=-0.09e-6, spread_slope=0.04e-6, spread_offset=0.4e-6),
    "relaxation": RELAXATION,
    "arrhenius": devices.ArrheniusDrift(
        drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.01), activation_energy=0.6, temperature=350.0
    ),
}

CURVES = {
    "constant": curves.Constant(value=0.3),
    "polynomial": curves.Polynomial(coefficients=(0.1, -0.2, 0.3)),
    "clamped logarithm": curves.ClampedLogarithm(slope=-0.0155, intercept=0.0244, low=0.049, high=0.1),
    "clamped power": curves.ClampedPower(scale=0.0088, exponent=-0.65, high=0.2),
    "saturation": curves.Saturation(limit=2.0, scale=0.3),
    "scaled": curves.Scaled(curve=curves.Saturation(limit=2.0, scale=0.3), factor=0.5),
    "table": curves.Table(arguments=(0.1, 0.4, 0.8), values=(1.0, -1.0, 2.0)),
    "piecewise": curves.Piecewise(
        threshold=0.5, below=curves.Constant(value=1.0), above=curves.Polynomial(coefficients=(0.0, 2.0))
    ),
}

PRESETS = devices.find_presets()
