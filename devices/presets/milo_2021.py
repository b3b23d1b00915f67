"""RRAM of Milo et al.

V. Milo et al., IRPS 2021, incremental gate-voltage programming (IGVVA-100); the fits are those CrossSim prints
(`RRAMMilo`). The source gives neither drift nor read noise.
"""

from devices.current_voltage.cubic import Cubic
from devices.device import Device
from devices.programming.polynomial import PolynomialProgramming
from devices.validity import ValidityRange

RRAM_MILO_2021 = Device(
    g_min=50e-6,
    g_max=225e-6,
    programming=PolynomialProgramming(coefficients=(4.782321e-6, -0.009107e-6), reference=1e-6),
    validity=ValidityRange(g_min=50e-6, g_max=225e-6, max_read_voltage=0.5),
    name="RRAM Milo 2021",
    source="Milo et al., IRPS 2021, IGVVA-100; fit as in CrossSim",
)
"""50 to 225 uS, sigma 4.3 uS at 50 uS and 2.7 uS at 225 uS."""

RRAM_MILO_2021_CURRENT_VOLTAGE = Cubic(
    quadratic=(7.063e-3, 5.711e-3, 1.541e-3, 1.388e-4),
    cubic=(1.2968e-3, 6.7919e-4, 8.871e-5),
    g_min=50e-6,
    g_max=225e-6,
)
"""Current of these cells up to 0.5 V."""
