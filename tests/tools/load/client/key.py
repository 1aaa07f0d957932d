"""The key that a run asks with, where the nodes want one.

It travels in the environment, which the sending processes inherit: an option would stand in the
list of processes, and in the report.
"""

import os
from collections.abc import Mapping

VARIABLE = "CATCHALL_KEY"


def authorization(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the header that every request has, or none."""
    key = environment.get(VARIABLE, "")
    return {"Authorization": f"Bearer {key}"} if key else {}
