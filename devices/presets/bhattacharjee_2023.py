"""The four devices of the batch-norm calibration paper.

A. Bhattacharjee et al., "Examining the role and limits of batchnorm optimization to mitigate diverse hardware-noise in
in-memory computing", GLSVLSI 2023, arXiv 2305.18416. All have 16 levels (an 8-bit weight is two 4-bit cells) and drift
as `G (t / 1 s)^-nu`, shown up to 1e10 s. What the paper calls read noise is one draw per mapping:
a spread from device to device.
"""

from devices.device import Device
from devices.drift.power_law import PowerLawDrift
from devices.read_noise.affine import AffineReadNoise
from devices.read_noise.relative import RelativeReadNoise
from devices.validity import ValidityRange

_SOURCE = "Bhattacharjee et al., GLSVLSI 2023, arXiv 2305.18416"

FeFET = Device(
    g_min=1 / 222.22e3 / 100,
    g_max=1 / 222.22e3,
    levels=16,
    read_noise=RelativeReadNoise(ratio=0.05, draw="programming"),
    drift=PowerLawDrift(nu=0.1),
    validity=ValidityRange(g_min=1 / 222.22e3 / 100, g_max=1 / 222.22e3, max_time=1e10),
    name="FeFET",
    source=_SOURCE,
)
"""R_on 222.22 kohm, on/off 100, nu 0.1, sigma/mu 0.05."""

PCM_I = Device(
    g_min=1 / 250e3 / 40,
    g_max=1 / 250e3,
    levels=16,
    read_noise=AffineReadNoise(slope=0.03, offset=0.13e-6, draw="programming"),
    drift=PowerLawDrift(nu=0.04),
    validity=ValidityRange(g_min=1 / 250e3 / 40, g_max=1 / 250e3, max_time=1e10),
    name="PCM-i",
    source=_SOURCE,
)
"""R_on 250 kohm, on/off 40, nu 0.04, sigma(G) = 0.03 G + 0.13 uS."""

PCM_II = Device(
    g_min=1 / 125e3 / 80,
    g_max=1 / 125e3,
    levels=16,
    read_noise=AffineReadNoise(slope=0.03, offset=0.13e-6, draw="programming"),
    drift=PowerLawDrift(nu=0.04),
    validity=ValidityRange(g_min=1 / 125e3 / 80, g_max=1 / 125e3, max_time=1e10),
    name="PCM-ii",
    source=_SOURCE,
)
"""R_on 125 kohm, on/off 80, nu 0.04, sigma(G) = 0.03 G + 0.13 uS."""

RRAM = Device(
    g_min=1 / 50e3 / 10,
    g_max=1 / 50e3,
    levels=16,
    read_noise=RelativeReadNoise(ratio=0.1, draw="programming"),
    drift=PowerLawDrift(nu=0.04),
    validity=ValidityRange(g_min=1 / 50e3 / 10, g_max=1 / 50e3, max_time=1e10),
    name="RRAM",
    source=_SOURCE,
)
"""R_on 50 kohm, on/off 10, nu 0.04, sigma/mu 0.1."""
