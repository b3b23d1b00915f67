"""Phase-change memory of Joshi et al.

V. Joshi et al., "Accurate deep neural network inference using computational phase-change memory", Nat. Commun. 11, 2473
(2020), methods; constants as in aihwkit (`PCMLikeNoiseModel`). Times count from programming; the programmed
conductances were measured at 20 s. The 1/f amplitude is taken at the target (aihwkit takes it at the programmed value).
"""

from devices.curves.clamped_logarithm import ClampedLogarithm
from devices.curves.clamped_power import ClampedPower
from devices.device import Device
from devices.drift.state_dependent_power_law import StateDependentPowerLawDrift
from devices.programming.polynomial import PolynomialProgramming
from devices.read_noise.one_over_f import OneOverFReadNoise
from devices.validity import ValidityRange

PCM_JOSHI_2020 = Device(
    g_min=0.0,
    g_max=25e-6,
    programming=PolynomialProgramming(coefficients=(0.26348e-6, 1.9650e-6, -1.1731e-6), reference=25e-6),
    read_noise=OneOverFReadNoise(
        amplitude=ClampedPower(scale=0.0088, exponent=-0.65, high=0.2), reference=25e-6, t_read=250e-9, t0=20.0
    ),
    drift=StateDependentPowerLawDrift(
        nu_mean=ClampedLogarithm(slope=-0.0155, intercept=0.0244, low=0.049, high=0.1),
        nu_spread=ClampedLogarithm(slope=-0.0125, intercept=-0.0059, low=0.008, high=0.045),
        reference=25e-6,
        t0=20.0,
    ),
    validity=ValidityRange(g_min=0.0, g_max=25e-6),
    name="PCM Joshi 2020",
    source="Joshi et al., Nat. Commun. 11, 2473 (2020); constants as in aihwkit",
)
"""0 to 25 uS, sigma 0.95 uS at half range, nu about 0.05, 1/f read noise."""
