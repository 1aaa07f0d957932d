"""A tier refuses a keyspace that is divided into buckets in another way."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy import prepare
from deploy.prepare import CassandraLayout
from shared.cassandra.session import open_session
from shared.config import CassandraConfig
from shared.model.partitioning import DEFAULT_BUCKETS
from tests.contract.harness.stores import unique
from tests.servers.loopback import random_prefix
from tests.waiting import WAIT_SECONDS

pytestmark = pytest.mark.usefixtures("session")
ROOT = Path(__file__).parents[3]
TIERS = ["consumer", "query"]


@pytest.fixture
def environment(
    server_environment: Mapping[str, str], cassandra_config: CassandraConfig
) -> dict[str, str]:
    """Return the settings of a tier on the prepared keyspace."""
    host = f"{random_prefix()}.1"
    return {
        "PATH": os.environ["PATH"],
        **server_environment,
        "CASSANDRA_KEYSPACE": cassandra_config.keyspace,
        "CONSUMER_MANAGEMENT_HOST": host,
        "QUERY_HTTP_HOST": host,
    }


async def end_of(tier: str, environment: Mapping[str, str]) -> tuple[int | None, list[str]]:
    """Run *tier* until it ends; return its exit status and the last lines that it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", tier),
        env=environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, printed.decode().splitlines()


async def test_another_number_of_buckets_ends_a_tier_with_status_2(
    environment: dict[str, str], cassandra_config: CassandraConfig
) -> None:
    """It prints one line, as for any other wrong setting; it never counts in wrong buckets."""
    wrong = {**environment, "CASSANDRA_BUCKETS": "8"}
    ends = await asyncio.gather(*(end_of(tier, wrong) for tier in TIERS))

    for tier, (status, lines) in zip(TIERS, ends, strict=True):
        assert status == 2, lines
        assert lines[-1] == (
            f"{tier}: CASSANDRA_BUCKETS: 8 is wrong, "
            f"keyspace {cassandra_config.keyspace!r} has {DEFAULT_BUCKETS}"
        )


async def test_a_table_without_buckets_is_refused_in_one_sentence(
    environment: dict[str, str],
    cassandra_config: CassandraConfig,
    cassandra_layout: CassandraLayout,
) -> None:
    """The sentence names the settings to change and the command to run."""
    keyspace = unique("old").replace("-", "_")
    own = cassandra_config.model_copy(update={"keyspace": keyspace})
    replication = prepare.parse_replication(cassandra_layout.replication)
    create_keyspace, *_ = prepare.schema_statements(keyspace, replication, DEFAULT_BUCKETS)
    async with open_session(own) as session:
        await session.write(create_keyspace)
        await session.write(
            f"CREATE TABLE {keyspace}.domain_counters (domain text, log text, writer timeuuid,"
            " delivered counter, PRIMARY KEY (domain, log, writer))"
        )
    topics = {
        name: unique("old")
        for name in ("KAFKA_TOPIC", "KAFKA_CHANGES_TOPIC", "KAFKA_DEAD_LETTER_TOPIC")
    }
    old = {**environment, **topics, "CASSANDRA_KEYSPACE": keyspace}
    ends = [await end_of("deploy.prepare", old)]  # first: a tier waits for its topics
    ends += await asyncio.gather(*(end_of(tier, old) for tier in TIERS))

    for status, lines in ends:
        assert status == 1, lines
        (stopped,) = [entry for entry in map(json.loads, lines) if entry["event"] == "stopped"]
        assert stopped["error"] == (
            f"table {keyspace}.domain_counters is of a version without buckets: set "
            "CASSANDRA_KEYSPACE, KAFKA_TOPIC, KAFKA_CHANGES_TOPIC and CONSUMER_GROUP to new names "
            "and run python -m deploy.prepare"
        )
