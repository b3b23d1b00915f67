"""Phase-change memory of the IBM HERMES chip (14 nm).

R. Khaddam-Aljameh et al., JSSC (2022); M. Le Gallo et al., Nat. Electron. (2023); two devices per conductance
programmed as in A. Vasilopoulos et al., TED (2023). Constants as in aihwkit (`HermesNoiseModel`). Times count from
programming; the programmed conductances were measured at `t0`.
"""

from devices.curves.clamped_logarithm import ClampedLogarithm
from devices.curves.piecewise import Piecewise
from devices.curves.polynomial import Polynomial
from devices.device import Device
from devices.drift.state_dependent_power_law import StateDependentPowerLawDrift
from devices.programming.polynomial import PolynomialProgramming
from devices.read_noise.one_over_f import OneOverFReadNoise
from devices.validity import ValidityRange

_SOURCE = "Le Gallo et al., Nat. Electron. (2023), Khaddam-Aljameh et al., JSSC (2022); constants as in aihwkit"
_NU_MEAN = Piecewise(
    threshold=0.0945,
    below=ClampedLogarithm(slope=-0.0387, intercept=-0.0182, low=0.072, high=0.13),
    above=Polynomial(coefficients=(0.0736, -0.0126, -0.0436)),
)

PCM_HERMES_TWO_DEVICES = Device(
    g_min=0.0,
    g_max=20.7e-6,
    programming=PolynomialProgramming(
        coefficients=(0.16603e-6, 4.71806e-6, -8.48101e-6, 4.68961e-6), reference=20.7e-6
    ),
    read_noise=OneOverFReadNoise(
        amplitude=Piecewise(
            threshold=0.16,
            below=ClampedLogarithm(slope=-0.0117, intercept=-0.0069, low=0.015, high=0.04),
            above=Polynomial(coefficients=(0.0123, 0.0211, -0.0280, 0.0069)),
        ),
        reference=20.7e-6,
        t_read=512e-9,
        t0=300.0,
    ),
    drift=StateDependentPowerLawDrift(
        nu_mean=_NU_MEAN,
        nu_spread=Piecewise(
            threshold=0.3055,
            below=ClampedLogarithm(slope=-0.0117, intercept=-0.0057, low=0.0091, high=0.04),
            above=Polynomial(coefficients=(0.0073, 0.0093, -0.0118)),
        ),
        reference=20.7e-6,
        t0=300.0,
    ),
    validity=ValidityRange(g_min=0.0, g_max=20.7e-6),
    name="PCM Hermes, two devices",
    source=_SOURCE,
)
"""0 to 20.7 uS, one conductance made of two devices."""

PCM_HERMES_ONE_DEVICE = Device(
    g_min=0.0,
    g_max=10.35e-6,
    programming=PolynomialProgramming(
        coefficients=(0.15782e-6, 2.32444e-6, -2.16311e-6, 0.68842e-6), reference=10.35e-6
    ),
    read_noise=OneOverFReadNoise(
        amplitude=Piecewise(
            threshold=0.1591,
            below=ClampedLogarithm(slope=-0.0078, intercept=0.0038, low=0.0179, high=0.04),
            above=Polynomial(coefficients=(0.0088, 0.0768, -0.1352, 0.0664)),
        ),
        reference=10.35e-6,
        t_read=512e-9,
        t0=200.0,
    ),
    drift=StateDependentPowerLawDrift(
        nu_mean=_NU_MEAN,
        nu_spread=Piecewise(
            threshold=0.3039,
            below=ClampedLogarithm(slope=-0.0120, intercept=-0.0023, low=0.0124, high=0.04),
            above=Polynomial(coefficients=(0.0104, 0.0116, -0.0165)),
        ),
        reference=10.35e-6,
        t0=200.0,
    ),
    validity=ValidityRange(g_min=0.0, g_max=10.35e-6),
    name="PCM Hermes, one device",
    source=_SOURCE,
)
"""0 to 10.35 uS, one device."""
