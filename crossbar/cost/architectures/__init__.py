"""Published chips as data, each number with its source."""

from crossbar.cost.architecture import Architecture
from crossbar.cost.architectures.hermes_2022 import HERMES_2022 as HERMES_2022
from crossbar.cost.architectures.isaac_2016 import ISAAC_2016 as ISAAC_2016
from crossbar.cost.architectures.neurram_2022 import NEURRAM_2022 as NEURRAM_2022
from crossbar.cost.architectures.puma_2019 import PUMA_2019 as PUMA_2019
from crossbar.cost.architectures.survey_22nm import SURVEY_22NM as SURVEY_22NM

ARCHITECTURES: dict[str, Architecture] = {
    "ISAAC_2016": ISAAC_2016,
    "PUMA_2019": PUMA_2019,
    "NEURRAM_2022": NEURRAM_2022,
    "HERMES_2022": HERMES_2022,
    "SURVEY_22NM": SURVEY_22NM,
}
