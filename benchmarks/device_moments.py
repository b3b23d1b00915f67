"""For every effect and preset: the moment its source states, typed from the source, and how to sample it."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import devices
from devices import curves

MICRO = 1e-6
DAY = 86400.0


@dataclasses.dataclass(frozen=True)
class Moment:
    """One stated number and the samples that should give it."""

    member: str
    what: str
    stated: float
    measure: Callable[[int], float]


def cells(device: devices.Device, g: float, t: float, n: int, *, read: bool = False) -> Tensor:
    """Conductances in uS of `n` cells programmed to `g` uS, `t` seconds later."""
    target = torch.full((n,), g * MICRO, dtype=torch.float64)
    generator = torch.Generator().manual_seed(int(n + 1000 * g))
    programmed = devices.program_cells(device, target, generator=generator)
    if read:
        return devices.read_conductance(device, programmed, t, generator=generator) / MICRO
    return devices.conductance_at(device, programmed, t) / MICRO


def std(device: devices.Device, g: float, t: float = 0.0) -> Callable[[int], float]:
    return lambda n: float(cells(device, g, t, n).std())


def mean(device: devices.Device, g: float, t: float = 0.0) -> Callable[[int], float]:
    return lambda n: float(cells(device, g, t, n).mean())


def read_std(device: devices.Device, g: float, t: float) -> Callable[[int], float]:
    """Read noise alone: the same cells without programming error and drift."""
    still = dataclasses.replace(device, programming=devices.ExactProgramming(), drift=None)
    return lambda n: float(cells(still, g, t, n, read=True).std())


def exponents(device: devices.Device, g: float, t: float, t0: float, n: int) -> Tensor:
    """Drift exponents read back from the conductances of exactly programmed cells."""
    still = dataclasses.replace(device, programming=devices.ExactProgramming(), read_noise=None)
    return -(cells(still, g, t, n) / g).log() / math.log(t / t0)


def nu_mean(device: devices.Device, g: float, t0: float) -> Callable[[int], float]:
    return lambda n: float(exponents(device, g, DAY, t0, n).mean())


def nu_std(device: devices.Device, g: float, t0: float) -> Callable[[int], float]:
    return lambda n: float(exponents(device, g, DAY, t0, n).std())


def with_effects(**effects: object) -> devices.Device:
    return devices.Device(g_min=10 * MICRO, g_max=40 * MICRO, **effects)  # type: ignore[arg-type]


def programming_moments() -> Iterator[Moment]:
    def one(error: devices.AbstractProgrammingError, what: str, stated: float, g: float = 20.0) -> Moment:
        return Moment(type(error).__name__, what, stated, std(with_effects(programming=error), g))

    exact = with_effects(programming=devices.ExactProgramming())
    yield Moment("ExactProgramming", "mean of 20 uS", 20.0, mean(exact, 20.0))
    gaussian = devices.GaussianProgramming
    yield one(gaussian(spread=0.1, relative_to="conductance"), "sigma, 10 % of 20 uS", 2.0)
    yield one(gaussian(spread=0.1, relative_to="window"), "sigma, 10 % of a 30 uS window", 3.0)
    yield one(gaussian(spread=1 * MICRO, relative_to="siemens"), "sigma, 1 uS", 1.0)
    polynomial = devices.PolynomialProgramming(coefficients=(0.3 * MICRO, 2 * MICRO, -1 * MICRO), reference=40 * MICRO)
    yield one(polynomial, "sigma, 0.3 + 2 r - r^2 at r = 0.5", 1.05)
    yield one(devices.SaturatingProgramming(limit=2 * MICRO, scale=20 * MICRO), "sigma, 2 (1 - 1/e) uS", 1.2642411)
    table = devices.TableProgramming(conductances=(10 * MICRO, 30 * MICRO), sigmas=(1 * MICRO, 3 * MICRO))
    yield one(table, "sigma, half way from 1 to 3 uS", 2.0)
    lognormal = devices.LognormalProgramming(log_spread=0.2)
    yield one(lognormal, "sigma, s = 0.2 on 20 uS", 20 * math.exp(0.02) * math.sqrt(math.exp(0.04) - 1))
    yield Moment(
        "LognormalProgramming", "mean, s = 0.2", 20 * math.exp(0.02), mean(with_effects(programming=lognormal), 20.0)
    )
    formed = devices.AsFormedProgramming(median=20 * MICRO, log_spread=0.2)
    yield one(
        formed, "sigma, s = 0.2 about 20 uS, asked for 40 uS", 20 * math.exp(0.02) * math.sqrt(math.exp(0.04) - 1), 40.0
    )
    # A standard normal cut at +-1 has the variance 0.291125 (Johnson, Kotz, Balakrishnan, vol. 1, 10.1).
    cut = devices.WriteVerifyProgramming(acceptance=0.02, spread=0.02)
    yield one(cut, "sigma, pulse as wide as a 2 % range", 0.4 * math.sqrt(0.291125))
    wide = devices.WriteVerifyProgramming(acceptance=0.02, spread=10.0)
    yield one(wide, "sigma, wide pulse: 2 % / sqrt(3)", 0.4 / math.sqrt(3))


def read_noise_moments() -> Iterator[Moment]:
    def one(noise: devices.AbstractReadNoise, what: str, stated: float, t: float = 1.0) -> Moment:
        return Moment(type(noise).__name__, what, stated, read_std(with_effects(read_noise=noise), 20.0, t))

    yield one(devices.RelativeReadNoise(ratio=0.05), "sigma, 5 % of 20 uS", 1.0)
    yield one(devices.AffineReadNoise(slope=0.03, offset=0.13 * MICRO), "sigma, 0.03 G + 0.13 uS", 0.73)
    yield one(devices.SaturatingReadNoise(limit=1 * MICRO, scale=20 * MICRO), "sigma, 1 - 1/e uS", 0.63212056)
    # 4 k T G B + 2 q I B at 300 K, 20 uS, 0.2 V, 1 GHz.
    current = 4 * 1.380649e-23 * 300 * 20e-6 * 1e9 + 2 * 1.602176634e-19 * (20e-6 * 0.2) * 1e9
    yield one(
        devices.ThermalShotReadNoise(bandwidth=1e9, read_voltage=0.2),
        "sigma of the current / 0.2 V at 1 GHz, 300 K",
        math.sqrt(current) / 0.2 / MICRO,
    )
    one_over_f = devices.OneOverFReadNoise(
        amplitude=curves.Constant(value=0.01), reference=40 * MICRO, t_read=250e-9, t0=0.0
    )
    yield one(one_over_f, "sigma, 1 % sqrt(ln(t/2t_read)), 1 h", 0.2 * math.sqrt(math.log(3600 / 500e-9)), 3600.0)
    telegraph = devices.TelegraphReadNoise(on_fraction=0.3, amplitude=0.1)
    yield one(telegraph, "sigma, A G sqrt(p(1-p))", 2 * math.sqrt(0.21))
    device = with_effects(read_noise=telegraph)
    yield Moment(
        "TelegraphReadNoise",
        "share of reads in the higher state",
        0.3,
        lambda n: float((cells(device, 20.0, 1.0, n, read=True) > 20).double().mean()),
    )


def drift_moments() -> Iterator[Moment]:
    power = with_effects(drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.01))
    yield Moment("PowerLawDrift", "mean of nu", 0.05, nu_mean(power, 20.0, 1.0))
    yield Moment("PowerLawDrift", "spread of nu", 0.01, nu_std(power, 20.0, 1.0))
    plain = with_effects(drift=devices.PowerLawDrift(nu=0.05))
    yield Moment("PowerLawDrift", "G after a day, nu = 0.05", 20 * DAY**-0.05, mean(plain, 20.0, DAY))
    logarithmic = with_effects(
        drift=devices.LogarithmicDrift(mean_slope=-0.1 * MICRO, spread_slope=0.04 * MICRO, spread_offset=0.4 * MICRO)
    )
    yield Moment("LogarithmicDrift", "mean after a day", 20 - 0.1 * math.log(DAY), mean(logarithmic, 20.0, DAY))
    yield Moment("LogarithmicDrift", "sigma after a day", 0.4 + 0.04 * math.log(DAY), std(logarithmic, 20.0, DAY))
    relaxation = dataclasses.replace(devices.RRAM_WAN_2022, read_noise=None)
    # Half way from 1 s to 1 day in ln t: the mean of the two printed sigmas, 2.02325 and 3.90894 uS at r = 0.5.
    yield Moment("RelaxationDrift", "sigma at sqrt(1 s x 1 day)", 2.966094, std(relaxation, 20.0, math.sqrt(DAY)))
    warm = with_effects(
        drift=devices.ArrheniusDrift(
            drift=devices.PowerLawDrift(nu=0.05), activation_energy=1.0, temperature=358.15, measured_temperature=298.15
        )
    )
    factor = math.exp(1.0 / 8.617333262e-5 * (1 / 298.15 - 1 / 358.15))
    yield Moment(
        "ArrheniusDrift", "G after a day, 85 C for 25 C, 1 eV", 20 * (DAY * factor) ** -0.05, mean(warm, 20.0, DAY)
    )
    faulty = with_effects(stuck=devices.StuckCells(at_g_min=0.2, at_g_max=0.15, open=0.1))
    for what, stated, value in (("at g_min", 0.2, 10.0), ("at g_max", 0.15, 40.0), ("open", 0.1, 0.0)):
        yield Moment(
            "StuckCells",
            f"share {what}",
            stated,
            lambda n, value=value: float(((cells(faulty, 20.0, DAY, n) - value).abs() < 1e-9).double().mean()),
        )


def polynomial(r: float, *coefficients: float) -> float:
    return sum(c * r**power for power, c in enumerate(coefficients))


def batch_norm_paper_moments() -> Iterator[Moment]:
    for name, on, nu, sigma in (
        ("FeFET", 1e6 / 222.22e3, 0.1, lambda g: 0.05 * g),
        ("PCM_I", 1e6 / 250e3, 0.04, lambda g: 0.03 * g + 0.13),
        ("PCM_II", 1e6 / 125e3, 0.04, lambda g: 0.03 * g + 0.13),
        ("RRAM", 1e6 / 50e3, 0.04, lambda g: 0.1 * g),
    ):
        device = getattr(devices, name)
        yield Moment(name, "sigma from device to device at R_on", sigma(on), std(device, on))
        yield Moment(name, "mean at 1e4 s", on * 1e4**-nu, mean(device, on, 1e4))


def pcm_moments() -> Iterator[Moment]:
    joshi, two, one = devices.PCM_JOSHI_2020, devices.PCM_HERMES_TWO_DEVICES, devices.PCM_HERMES_ONE_DEVICE
    yield Moment(
        "PCM_JOSHI_2020", "sigma programmed, r = 0.5", polynomial(0.5, 0.26348, 1.9650, -1.1731), std(joshi, 12.5)
    )
    yield Moment("PCM_JOSHI_2020", "mean nu, r = 0.1", -0.0155 * math.log(0.1) + 0.0244, nu_mean(joshi, 2.5, 20.0))
    # |nu| folds the few exponents below 0 over: at r = 0.1 that takes 0.7 % off the spread, at r = 0.3 nothing.
    for r in (0.1, 0.3):
        stated = -0.0125 * math.log(r) - 0.0059
        yield Moment("PCM_JOSHI_2020", f"spread of nu, r = {r}", stated, nu_std(joshi, 25 * r, 20.0))
    read = 12.5 * 0.0088 / 0.5**0.65 * math.sqrt(math.log(DAY / 500e-9))
    yield Moment("PCM_JOSHI_2020", "read sigma at 1 day, r = 0.5", read, read_std(joshi, 12.5, DAY))
    yield Moment(
        "PCM_HERMES_TWO_DEVICES",
        "sigma programmed, r = 0.5",
        polynomial(0.5, 0.16603, 4.71806, -8.48101, 4.68961),
        std(two, 10.35),
    )
    yield Moment(
        "PCM_HERMES_TWO_DEVICES",
        "mean nu, r = 0.5",
        polynomial(0.5, 0.0736, -0.0126, -0.0436),
        nu_mean(two, 10.35, 300.0),
    )
    yield Moment(
        "PCM_HERMES_TWO_DEVICES",
        "spread of nu, r = 0.5",
        polynomial(0.5, 0.0073, 0.0093, -0.0118),
        nu_std(two, 10.35, 300.0),
    )
    growth = math.sqrt(math.log(DAY / 1024e-9))
    read = 10.35 * polynomial(0.5, 0.0123, 0.0211, -0.0280, 0.0069) * growth
    yield Moment("PCM_HERMES_TWO_DEVICES", "read sigma at 1 day, r = 0.5", read, read_std(two, 10.35, DAY))
    programmed = polynomial(0.8, 0.15782, 2.32444, -2.16311, 0.68842)
    yield Moment("PCM_HERMES_ONE_DEVICE", "sigma programmed, r = 0.8", programmed, std(one, 8.28))
    yield Moment(
        "PCM_HERMES_ONE_DEVICE",
        "spread of nu, r = 0.5",
        polynomial(0.5, 0.0104, 0.0116, -0.0165),
        nu_std(one, 5.175, 200.0),
    )
    read = 5.175 * polynomial(0.5, 0.0088, 0.0768, -0.1352, 0.0664) * growth
    yield Moment("PCM_HERMES_ONE_DEVICE", "read sigma at 1 day, r = 0.5", read, read_std(one, 5.175, DAY))


def rram_moments() -> Iterator[Moment]:
    wan, milo, sonos = devices.RRAM_WAN_2022, devices.RRAM_MILO_2021, devices.SONOS_2022
    for t, coefficients in (
        (1.0, (0.348, 16.030, -43.853, 45.393, -16.815)),
        (DAY, (0.701, 22.086, -50.773, 47.095, -16.458)),
        (2 * DAY, (0.782, 20.274, -43.507, 37.062, -11.934)),
    ):
        stated = polynomial(0.5, *coefficients)
        yield Moment("RRAM_WAN_2022", f"total sigma at {t:.0f} s, r = 0.5", stated, std(wan, 20.0, t))
    yield Moment("RRAM_WAN_2022", "read sigma, 1 %", 0.2, read_std(wan, 20.0, 1.0))
    decay = 0.04201137 * math.log(DAY) + 0.41183342
    for name, a, b in (
        ("CMO_HFOX_2_PERCENT", 0.01129027, 0.01121854),
        ("CMO_HFOX_0_2_PERCENT", 0.00106879, 0.00081107),
    ):
        device = getattr(devices, name)
        yield Moment(name, "sigma programmed, 50 uS", 50 * a + b, std(device, 50.0))
        yield Moment(name, "mean at 1 day, 50 uS", 50 - 0.08900206 * math.log(DAY), mean(device, 50.0, DAY))
        yield Moment(name, "sigma at 1 day, 50 uS", math.hypot(50 * a + b, decay), std(device, 50.0, DAY))
        read = 0.0277316483 * math.log10(50) * math.sqrt(math.log((DAY + 1e-6) / 2e-6))
        yield Moment(name, "read sigma at 1 day, 50 uS", read, read_std(device, 50.0, DAY))
    yield Moment("RRAM_MILO_2021", "sigma programmed, 100 uS", 4.782321 - 0.9107, std(milo, 100.0))
    # SONOS is stated in nA at 0.1 V: 1 nA is 0.01 uS, and 100 nA is 1 uS.
    for days, limit, scale in ((0, 19.88665, 176.3115), (1, 25.59102, 186.85544), (5, 34.57909, 207.34309)):
        stated = 0.01 * limit * (1 - math.exp(-500 / scale))
        yield Moment("SONOS_2022", f"total sigma after {days} d, 500 nA", stated, std(sonos, 5.0, days * DAY))
    stated = 0.01 * 12.58037 * (1 - math.exp(-500 / 215.36557))
    yield Moment("SONOS_2022", "read sigma, 500 nA", stated, read_std(sonos, 5.0, 0.0))
    yield Moment("Ideal", "mean of 50 uS after a day", 50.0, mean(devices.Ideal, 50.0, DAY))


def all_moments() -> list[Moment]:
    """Every effect, then every preset."""
    return [
        *programming_moments(),
        *read_noise_moments(),
        *drift_moments(),
        *batch_norm_paper_moments(),
        *pcm_moments(),
        *rram_moments(),
    ]
