"""The command line. It stands above every package, so it alone may import calibration."""

from crossbar.command_line.main import main as main
