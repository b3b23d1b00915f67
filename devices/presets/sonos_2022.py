"""SONOS charge-trap cells.

IEDM 2022, as in CrossSim (`SONOS`): standard deviation of the cell current, `A (1 - exp(-I / B))` in nA at a read
voltage of 0.1 V, after 0 to 5 days and for reads; here divided by 0.1 V. The mean shift of the currents is a
tenth-order polynomial that we have no coefficients of: it is left out, so conductances spread but their mean stays.
"""

from devices.curves.saturation import Saturation
from devices.device import Device
from devices.drift.relaxation import RelaxationDrift
from devices.programming.saturating import SaturatingProgramming
from devices.read_noise.saturating import SaturatingReadNoise
from devices.validity import ValidityRange

_SIEMENS_PER_NANOAMPERE = 1e-9 / 0.1
_LIMITS = (19.88665, 25.59102, 28.72753, 31.04318, 33.76214, 34.57909)
_SCALES = (176.3115, 186.85544, 193.56834, 198.90332, 204.77023, 207.34309)

SONOS_2022 = Device(
    g_min=0.0,
    g_max=3200 * _SIEMENS_PER_NANOAMPERE,
    programming=SaturatingProgramming(
        limit=_LIMITS[0] * _SIEMENS_PER_NANOAMPERE, scale=_SCALES[0] * _SIEMENS_PER_NANOAMPERE
    ),
    read_noise=SaturatingReadNoise(limit=12.58037 * _SIEMENS_PER_NANOAMPERE, scale=215.36557 * _SIEMENS_PER_NANOAMPERE),
    drift=RelaxationDrift(
        times=tuple(86400.0 * day for day in range(6)),
        sigmas=tuple(
            Saturation(limit=limit * _SIEMENS_PER_NANOAMPERE, scale=scale)
            for limit, scale in zip(_LIMITS, _SCALES, strict=True)
        ),
        reference=_SIEMENS_PER_NANOAMPERE,
        interpolation="linear",
    ),
    validity=ValidityRange(g_min=0.0, g_max=3200 * _SIEMENS_PER_NANOAMPERE, max_time=5 * 86400.0, max_read_voltage=0.1),
    name="SONOS 2022",
    source="SONOS, IEDM 2022; fits as in CrossSim",
)
"""0 to 32 uS (3200 nA at 0.1 V), sigma 0.2 uS programmed, 0.35 uS after 5 days."""
