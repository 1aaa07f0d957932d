"""The API key of a run, for nodes that require one.

It is passed in the environment, which the sending processes inherit: an option would be visible in
the list of processes and in the report.
"""

import os
from collections.abc import Mapping

VARIABLE = "CATCHALL_KEY"


def authorization(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the header for every request; empty without a key."""
    key = environment.get(VARIABLE, "")
    return {"Authorization": f"Bearer {key}"} if key else {}
