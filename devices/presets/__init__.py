"""Published devices, one file per source."""

from devices.presets.bhattacharjee_2023 import PCM_I as PCM_I
from devices.presets.bhattacharjee_2023 import PCM_II as PCM_II
from devices.presets.bhattacharjee_2023 import RRAM as RRAM
from devices.presets.bhattacharjee_2023 import FeFET as FeFET
from devices.presets.ideal import Ideal as Ideal
