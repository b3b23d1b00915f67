"""RRAM of the NeuRRAM chip.

W. Wan et al., "A compute-in-memory chip based on resistive random-access memory", Nature 608, 504 (2022): total
conductance error 1 s, 1 day and 2 days after write-verify. The fourth-order polynomials in `G / 40 uS` are the fits to
its published figures that IBM's aihwkit prints (`ReRamWan2022NoiseModel`); they belong to g_max = 40 uS only. aihwkit
gives no read noise and recommends about 1 %.
"""

from devices.curves.polynomial import Polynomial
from devices.device import Device
from devices.drift.relaxation import RelaxationDrift
from devices.programming.polynomial import PolynomialProgramming
from devices.read_noise.relative import RelativeReadNoise
from devices.validity import ValidityRange

_AFTER_1_SECOND = (0.348e-6, 16.030e-6, -43.853e-6, 45.393e-6, -16.815e-6)
_AFTER_1_DAY = (0.701e-6, 22.086e-6, -50.773e-6, 47.095e-6, -16.458e-6)
_AFTER_2_DAYS = (0.782e-6, 20.274e-6, -43.507e-6, 37.062e-6, -11.934e-6)

RRAM_WAN_2022 = Device(
    g_min=1e-6,
    g_max=40e-6,
    programming=PolynomialProgramming(coefficients=_AFTER_1_SECOND, reference=40e-6),
    read_noise=RelativeReadNoise(ratio=0.01),
    drift=RelaxationDrift(
        times=(1.0, 86400.0, 172800.0),
        sigmas=(
            Polynomial(coefficients=_AFTER_1_SECOND),
            Polynomial(coefficients=_AFTER_1_DAY),
            Polynomial(coefficients=_AFTER_2_DAYS),
        ),
        reference=40e-6,
    ),
    validity=ValidityRange(g_min=0.0, g_max=40e-6, max_time=172800.0),
    name="RRAM Wan 2022",
    source="Wan et al., Nature 608, 504 (2022); polynomials as in aihwkit",
)
"""1 to 40 uS, error 2.0 uS at half range after 1 s and 3.9 uS after a day, relaxation without a mean."""
