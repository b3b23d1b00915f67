"""One valid instance of every public config, for the suites that go over all of them."""

import torch

import calibration.mime
import crossbar as xb
import crossbar.spiking
import devices
import mapping
from crossbar.cost import ARCHITECTURES, Component, FixedADC, IsaacScalingADC, LinearInBitsADC, SurveyADC
from devices import curves
from mapping.pair_layouts import PairLayout

FLAT = curves.Constant(value=0.1)
LAW = {"law": lambda v, g: v * g, "derivative": lambda v, g: g}

CONFIGS = (
    devices.Cubic(quadratic=(0.0, 1e-6), cubic=(0.0, 1e-6), g_min=1e-6, g_max=1e-4),
    devices.Ohmic(),
    devices.OwnFunction(**LAW),
    devices.Sinh(v0=0.5),
    devices.Tabulated(voltages=(0.0, 0.2), conductances=(1e-6, 2e-6), currents=((0.0, 2e-7), (0.0, 4e-7))),
    curves.ClampedLogarithm(slope=1.0, intercept=0.0, low=0.0, high=1.0),
    curves.ClampedPower(scale=1.0, exponent=-1.0, high=2.0),
    curves.Constant(value=0.1),
    curves.Piecewise(threshold=0.5, below=FLAT, above=FLAT),
    curves.Polynomial(coefficients=(1.0, 2.0)),
    curves.Saturation(limit=1.0, scale=1.0),
    curves.Scaled(curve=FLAT, factor=2.0),
    curves.Table(arguments=(0.0, 1.0), values=(1.0, 2.0)),
    devices.Device(g_min=1e-6, g_max=2e-5),
    devices.ArrheniusDrift(drift=devices.PowerLawDrift(nu=0.1), activation_energy=0.5, temperature=350.0),
    devices.LogarithmicDrift(mean_slope=-1e-7, spread_slope=1e-7),
    devices.PowerLawDrift(nu=0.05),
    devices.RelaxationDrift(times=(1.0, 10.0), sigmas=(FLAT, FLAT), reference=2e-5),
    devices.StateDependentPowerLawDrift(nu_mean=FLAT, nu_spread=FLAT, reference=2e-5, t0=20.0),
    devices.AsFormedProgramming(median=1e-5, log_spread=0.5),
    devices.ExactProgramming(),
    devices.GaussianProgramming(spread=0.05),
    devices.LognormalProgramming(log_spread=0.2),
    devices.PolynomialProgramming(coefficients=(1e-6,), reference=2e-5),
    devices.SaturatingProgramming(limit=1e-6, scale=1e-5),
    devices.TableProgramming(conductances=(1e-6, 2e-6), sigmas=(1e-7, 2e-7)),
    devices.WriteVerifyProgramming(acceptance=0.02, spread=0.1),
    devices.AffineReadNoise(slope=0.03, offset=1e-7),
    devices.OneOverFReadNoise(amplitude=FLAT, reference=2e-5, t_read=1e-6),
    devices.RelativeReadNoise(ratio=0.1),
    devices.SaturatingReadNoise(limit=1e-6, scale=1e-5),
    devices.TelegraphReadNoise(on_fraction=0.3, amplitude=0.1),
    devices.ThermalShotReadNoise(bandwidth=1e8, read_voltage=0.2),
    devices.FaultMap(g_min=torch.zeros(2, 2, dtype=torch.bool)),
    devices.StuckCells(at_g_min=0.1),
    devices.ValidityRange(g_max=1e-4),
    devices.Window(g_min=0.0, g_max=1e-5),
    devices.Wires(row=1.0),
    mapping.MappingConfig(),
    mapping.AdditivePowersOfTwoQuantizer(),
    mapping.PowerOfTwoQuantizer(),
    mapping.SMECodebook(),
    mapping.TernaryQuantizer(),
    mapping.TruncatedGaussianQuantizer(),
    mapping.UniformQuantizer(),
    xb.ADC(),
    xb.InputConfig(range="static"),
    xb.CrossbarConfig(),
    next(iter(ARCHITECTURES.values())),
    Component(energy=1e-12, area=None, source="a test"),
    FixedADC(bits=8, conversion_energy=1e-12, converter_area=None, conversion_time=1e-9, node=None, source="a test"),
    IsaacScalingADC(),
    LinearInBitsADC(
        energy_per_bit=1e-13, time_per_bit=1e-9, converter_area=None, highest_bits=8, node=None, source="a test"
    ),
    SurveyADC(node=32e-9, rate=1e9),
    xb.WireCompensation(),
    xb.TrainingEffects(),
    xb.ChannelNoise(),
    xb.LearnedNoise(),
    xb.OutputShift(mean=(0.0,), spread=(1.0,)),
    crossbar.spiking.ArctangentSurrogate(),
    crossbar.spiking.FastSigmoidSurrogate(),
    crossbar.spiking.TriangularSurrogate(),
    xb.ProductProgramming(),
    calibration.Remedy(apply=lambda model, reference, batches: None),
    calibration.mime.LongTailedSurrogate(),
    calibration.mime.TriangularSurrogate(),
    calibration.mime.SystolicLadder(),
)

RESULTS = (
    # What verbs return: made by the packages, from tensors that they have checked, and never written by hand.
    devices.Fit,
    devices.ProgrammedCells,
    mapping.CellPositions,
    mapping.CellWeights,
    mapping.Planes,
    PairLayout,  # the members of PAIR_LAYOUTS
    mapping.Placement,
    mapping.QuantizedWeight,
    mapping.accounting.Footprint,
    devices.fitting.Measurements,
    xb.Plan,
    xb.TimeCourse,
    xb.Sweep,  # made by a constructor of its own, which is checked as a function
    calibration.SqueezeResult,
    calibration.PlacementResult,
    calibration.mime.Task,
)

WRONG_VALUES = (
    None,
    float("nan"),
    float("inf"),
    -1,
    -0.5,
    0,
    3.7,
    10**400,
    True,
    "text",
    b"bytes",
    1j,
    [],
    [1.0],
    (),
    ("a", "b"),
    {},
    {"a": 1},
    set(),
    object(),
    int,
    len,
    torch.zeros(2),
)
