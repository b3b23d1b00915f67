import pytest

from crossbar.cost.adc_laws import ADC_LAWS, FixedADC, IsaacScalingADC, LinearInBitsADC, SurveyADC

LAWS = {
    "fixed": FixedADC(
        bits=8, conversion_energy=1e-12, converter_area=1e-9, conversion_time=1e-9, node=None, source="a test"
    ),
    "isaac": IsaacScalingADC(),
    "linear": LinearInBitsADC(
        energy_per_bit=1e-13, time_per_bit=1e-9, converter_area=None, highest_bits=8, node=None, source="a test"
    ),
    "survey": SurveyADC(node=32e-9, rate=1e8),
}


def test_every_law_is_in_the_table():
    assert {type(law) for law in LAWS.values()} == set(ADC_LAWS.values())


@pytest.mark.parametrize("name", LAWS)
def test_contract(name):
    law = LAWS[name]
    lowest, highest = law.bits_range
    energies = [law.energy(bits) for bits in range(lowest, highest + 1)]
    assert all(energy > 0 for energy in energies)
    assert energies == sorted(energies)
    for bits in (lowest, highest):
        assert law.latency(bits) > 0
        assert law.area(bits) is None or law.area(bits) > 0
    for bits in (lowest - 1, highest + 1):
        for what in (law.energy, law.area, law.latency):
            with pytest.raises(ValueError, match=rf"`adc.bits` must be .* Got {bits}\..*replace\(architecture, adc="):
                what(bits)


@pytest.mark.parametrize(
    ("node", "rate", "picojoules", "area"),
    [
        (130e-9, 1e8, ("12.9", "14.9", "23.9", "46"), 34900),
        (65e-9, 1e8, ("3.50", "4.04", "6.49", "12.5"), 11900),
        (32e-9, 1e8, ("0.92", "1.07", "1.71", "3.31"), 3940),
        (32e-9, 1.28e9, ("0.92", "1.07", "1.93", "16.4"), 6470),
        (22e-9, 1e8, ("0.46", "0.53", "0.85", "1.64"), 2200),
        (14e-9, 1e8, ("0.20", "0.23", "0.36", "0.70"), 1090),
    ],
)
def test_survey_at_points_worked_out_apart(node, rate, picojoules, area):
    """Within 0.5 % and half of the last digit of a table computed from the paper's coefficients."""
    law = SurveyADC(node=node, rate=rate)
    for bits, printed in zip((4, 6, 8, 10), picojoules, strict=True):
        rounding = 0.5 * 10 ** -len(printed.partition(".")[2])
        tolerance = 0.005 * float(printed) + rounding
        assert law.energy(bits) * 1e12 == pytest.approx(float(printed), abs=tolerance, rel=0)
    assert law.area(8) * 1e12 == pytest.approx(area, rel=0.005)


def test_isaac_scaling_is_its_table():
    law = IsaacScalingADC()
    assert law.energy(8) == pytest.approx(1.5625e-12)
    assert law.energy(4) / law.energy(8) == pytest.approx(0.79 / 1.67)
    assert law.area(10) == pytest.approx(3002e-12)


@pytest.mark.parametrize(
    ("arguments", "match"), [({"node": 7e-9, "rate": 1e8}, "node"), ({"node": 22e-9, "rate": 1}, "rate")]
)
def test_survey_refuses_what_was_not_fitted(arguments, match):
    with pytest.raises(ValueError, match=f"`{match}` must lie in"):
        SurveyADC(**arguments)
