"""A referee: what a layer on crossbars gives, written apart from the packages with numpy and scipy, in float64.

Nothing here imports `devices`, `mapping`, `crossbar` or `calibration`; of a config only its fields are read, and of a
chip only what is random (conductances, converter errors) or fitted to data (ranges, corrections).
"""
