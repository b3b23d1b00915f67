"""Places on a chip and their area."""

from crossbar.cost.architecture import Architecture


def places_per_array(architecture: Architecture, *, rows: int, cols: int) -> dict[str, float]:
    """Return how many places of each level come with one array of a full chip, the chip itself left out."""
    per_core = 1 / architecture.arrays_per_core
    return {
        "cell": float(rows * cols),
        "row": float(rows),
        "column": float(cols),
        "converter": float(-(-cols // architecture.columns_per_adc)),
        "array": 1.0,
        "core": per_core,
        "tile": per_core / architecture.cores_per_tile,
        "chip": 0.0,
    }


def area_per_array(architecture: Architecture, *, rows: int, cols: int, adc_bits: int) -> dict[str, float]:
    """Return the area of each part that comes with one array [m2], NaN where it is not published.

    Cores and tiles are counted by the share of them that an array takes, the chip's own link not at all.
    """
    places = places_per_array(architecture, rows=rows, cols=cols)
    converter = architecture.adc.area(adc_bits)
    areas = {"adc": float("nan") if converter is None else converter * places["converter"]}
    for name, part in architecture.components.items():
        areas[name] = float("nan") if part.area is None else part.area * places[part.level]
    return areas


def leakage_per_array(architecture: Architecture, *, rows: int, cols: int) -> dict[str, float]:
    """Return the power at rest of each part that comes with one array [W], 0 where its energy contains it."""
    places = places_per_array(architecture, rows=rows, cols=cols)
    return {name: (part.leakage or 0.0) * places[part.level] for name, part in architecture.components.items()}
