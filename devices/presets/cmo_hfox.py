"""Filamentary CMO/HfOx ReRAM of IBM Research Zurich.

D. Falcone et al., analog filamentary conductive-metal-oxide/HfOx ReRAM; the fits are those that IBM's aihwkit prints
(`ReRamCMONoiseModel`). Write-verify leaves `sigma = a G + b` with one (a, b) for each acceptance range. aihwkit's
default asks for "2e-2", matches no key and falls back to 0.2 %, ten times less error; here each range has its name.
"""

import math

from devices.curves.clamped_logarithm import ClampedLogarithm
from devices.device import Device
from devices.drift.logarithmic import LogarithmicDrift
from devices.programming.polynomial import PolynomialProgramming
from devices.read_noise.one_over_f import OneOverFReadNoise
from devices.validity import ValidityRange

_SOURCE = "Falcone et al., IBM Research Zurich; fits as in aihwkit"
_RELAXATION = LogarithmicDrift(
    mean_slope=-0.08900206e-6, spread_slope=0.04201137e-6, spread_offset=0.41183342e-6, t0=1.0
)
_READ_NOISE = OneOverFReadNoise(
    # K log10(G / 1 uS) in uS; far above any conductance of the window, `high` only closes the form.
    amplitude=ClampedLogarithm(slope=0.0277316483e-6 / math.log(10), intercept=0.0, low=0.0, high=1e-6),
    reference=1e-6,
    t_read=1e-6,
    relative=False,
)
_VALIDITY = ValidityRange(g_min=9e-6, g_max=88.2e-6)

CMO_HFOX_2_PERCENT = Device(
    g_min=9e-6,
    g_max=88.2e-6,
    programming=PolynomialProgramming(coefficients=(0.0112185391e-6, 0.01129027418e-6), reference=1e-6),
    read_noise=_READ_NOISE,
    drift=_RELAXATION,
    validity=_VALIDITY,
    name="CMO/HfOx, 2 % acceptance",
    source=_SOURCE,
)
"""9 to 88.2 uS, sigma 0.576 uS at 50 uS."""

CMO_HFOX_0_2_PERCENT = Device(
    g_min=9e-6,
    g_max=88.2e-6,
    programming=PolynomialProgramming(coefficients=(0.00081107e-6, 0.00106879e-6), reference=1e-6),
    read_noise=_READ_NOISE,
    drift=_RELAXATION,
    validity=_VALIDITY,
    name="CMO/HfOx, 0.2 % acceptance",
    source=_SOURCE,
)
"""9 to 88.2 uS, sigma 0.054 uS at 50 uS."""
