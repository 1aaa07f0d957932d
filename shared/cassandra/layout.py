"""Read from the keyspace into how many buckets its counters are divided.

The number is fixed when the table is created: ``deploy.prepare`` writes it into the table's
comment, in the same statement, so the two can never differ.
"""

import re

from shared.cassandra.session import Session
from shared.errors import ConfigError, PipelineError

_COMMENT = (
    "SELECT comment FROM system_schema.tables"
    " WHERE keyspace_name = '{keyspace}' AND table_name = 'domain_counters'"
)
_BUCKETS = re.compile(r"buckets=(\d+)\b")


async def read_buckets(session: Session, configured: int) -> int:
    """Return the number of buckets of the keyspace.

    Raises ConfigError if *configured* is another number, PipelineError if the table is missing
    or older than buckets, and StoreUnavailableError.
    """
    comment = _COMMENT.format(keyspace=session.keyspace)
    rows = await session.patiently(lambda: session.read(comment))
    if not rows:
        raise PipelineError(
            f"keyspace {session.keyspace!r} has no table domain_counters; "
            "run: python -m deploy.prepare"
        )
    found = _BUCKETS.search(rows[0].comment or "")
    if found is None:
        raise PipelineError(
            f"table {session.keyspace}.domain_counters is of a version without buckets: "
            "set CASSANDRA_KEYSPACE, KAFKA_TOPIC, KAFKA_CHANGES_TOPIC and CONSUMER_GROUP to new "
            "names and run python -m deploy.prepare"
        )
    buckets = int(found[1])
    if configured != buckets:
        has = f"keyspace {session.keyspace!r} has {buckets}"
        raise ConfigError([f"CASSANDRA_BUCKETS: {configured} is wrong, {has}"])
    return buckets
