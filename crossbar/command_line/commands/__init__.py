"""The commands, one file each: `HELP`, `EXAMPLES`, `add_arguments(parser)` and `run(options)`, its exit code."""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from crossbar.command_line.commands import demo, devices, map, plot, sweep

COMMANDS: Mapping[str, ModuleType] = MappingProxyType(
    {"demo": demo, "sweep": sweep, "map": map, "devices": devices, "plot": plot}
)
"""The commands by name, in the order of the help."""
