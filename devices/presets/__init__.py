"""Published devices, one file per source."""

from devices.presets.bhattacharjee_2023 import PCM_I as PCM_I
from devices.presets.bhattacharjee_2023 import PCM_II as PCM_II
from devices.presets.bhattacharjee_2023 import RRAM as RRAM
from devices.presets.bhattacharjee_2023 import FeFET as FeFET
from devices.presets.cmo_hfox import CMO_HFOX_0_2_PERCENT as CMO_HFOX_0_2_PERCENT
from devices.presets.cmo_hfox import CMO_HFOX_2_PERCENT as CMO_HFOX_2_PERCENT
from devices.presets.hermes_2023 import PCM_HERMES_ONE_DEVICE as PCM_HERMES_ONE_DEVICE
from devices.presets.hermes_2023 import PCM_HERMES_TWO_DEVICES as PCM_HERMES_TWO_DEVICES
from devices.presets.ideal import Ideal as Ideal
from devices.presets.joshi_2020 import PCM_JOSHI_2020 as PCM_JOSHI_2020
from devices.presets.milo_2021 import RRAM_MILO_2021 as RRAM_MILO_2021
from devices.presets.milo_2021 import RRAM_MILO_2021_CURRENT_VOLTAGE as RRAM_MILO_2021_CURRENT_VOLTAGE
from devices.presets.sonos_2022 import SONOS_2022 as SONOS_2022
from devices.presets.wan_2022 import RRAM_WAN_2022 as RRAM_WAN_2022
