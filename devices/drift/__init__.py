"""How a programmed conductance moves with time."""

from devices.drift.base import AbstractDrift as AbstractDrift
from devices.drift.power_law import PowerLawDrift as PowerLawDrift
