"""A cell without faults."""

from devices.device import Device

Ideal = Device(
    g_min=0.0,
    g_max=100e-6,
    name="Ideal",
    source="no error, no drift, no noise; 0 to 100 uS is a round window, not a measured one",
)
"""A continuous, exact, quiet cell that switches off completely."""
