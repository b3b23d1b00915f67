"""What a stored result says about how it was made."""

import datetime

from crossbar.sweeps.provenance import versions_json


def provenance() -> dict[str, str]:
    """Return `versions` (JSON) and `created` (UTC, ISO 8601) for the attributes of a Dataset."""
    return {
        "versions": versions_json(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
