"""Tables of every effect and preset; a new member joins its table and inherits the contract suites."""

import devices

PROGRAMMING = {
    "exact": devices.ExactProgramming(),
    "gaussian of conductance": devices.GaussianProgramming(spread=0.1, relative_to="conductance"),
    "gaussian of window": devices.GaussianProgramming(spread=0.05, relative_to="window"),
    "gaussian absolute": devices.GaussianProgramming(spread=1e-6, relative_to="siemens"),
}

READ_NOISE = {
    "relative": devices.RelativeReadNoise(ratio=0.05),
    "affine": devices.AffineReadNoise(slope=0.03, offset=0.13e-6),
    "affine per programming": devices.AffineReadNoise(slope=0.03, offset=0.13e-6, draw="programming"),
}

DRIFT = {
    "power law": devices.PowerLawDrift(nu=0.05),
    "power law with spread": devices.PowerLawDrift(nu=0.05, nu_spread=0.01, t0=20.0),
}

PRESETS = {
    "Ideal": devices.Ideal,
    "FeFET": devices.FeFET,
    "PCM_I": devices.PCM_I,
    "PCM_II": devices.PCM_II,
    "RRAM": devices.RRAM,
}
