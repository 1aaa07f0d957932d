"""The keyspace, table and topics that are created before the tiers start."""

import pytest

from deploy.prepare import KafkaLayout, parse_replication, schema_statements, topics
from shared.config import KafkaConfig


@pytest.mark.parametrize(
    ("text", "replication"),
    [
        ("datacenter1:3", {"datacenter1": 3}),
        ("eu-west_1:3, us.east:2", {"eu-west_1": 3, "us.east": 2}),
        ("dc:99", {"dc": 99}),
    ],
)
def test_replication_is_set_per_datacenter(text: str, replication: dict[str, int]) -> None:
    """Names and numbers of replicas are parsed in order."""
    assert parse_replication(text) == replication


@pytest.mark.parametrize(
    "text", ["", "dc", "dc:", ":3", "dc:0", "dc:-1", "dc:03", "dc:100", "dc:3,", "d'c:3", "dc:3:3"]
)
def test_invalid_replication_is_refused(text: str) -> None:
    """Quotes must not reach the schema, and each datacenter needs replicas."""
    with pytest.raises(ValueError, match="is not datacenter:replicas"):
        parse_replication(text)


def test_the_schema_is_a_keyspace_and_its_tables() -> None:
    """The statements are complete, have no comments, and do nothing if all of it exists."""
    keyspace, table, counted = schema_statements("mail", {"eu": 3, "us": 2}, 64)
    assert keyspace.startswith("CREATE KEYSPACE IF NOT EXISTS mail")
    assert "{'class': 'NetworkTopologyStrategy', 'eu': '3', 'us': '2'}" in keyspace
    assert table.startswith("CREATE TABLE IF NOT EXISTS mail.domain_counters (")
    assert "PRIMARY KEY ((bucket), domain, log, writer)" in table
    assert "buckets=64'" in table
    assert counted.startswith("CREATE TABLE IF NOT EXISTS mail.counted_topics (")
    for statement in (keyspace, table, counted):
        assert "--" not in statement
        assert statement.count("'") % 2 == 0
        assert statement.count("(") == statement.count(")")
        assert "{{" not in statement


def test_topics_are_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledged record is on two replicas or more; a replica without it cannot lead."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a")
    events, letters, changes = topics(
        KafkaConfig(topic="events-2", dead_letter_topic="letters", changes_topic="changes"),
        KafkaLayout(partitions=24, replication_factor=3, min_insync_replicas=2, retention_days=2),
    )
    assert (events.name, events.num_partitions, events.replication_factor) == ("events-2", 24, 3)
    assert (letters.name, letters.num_partitions, letters.replication_factor) == ("letters", 1, 3)
    assert (changes.name, changes.num_partitions, changes.replication_factor) == ("changes", 24, 3)
    assert changes.topic_configs["cleanup.policy"] == "compact"
    for topic in (events, letters, changes):
        assert topic.topic_configs["min.insync.replicas"] == "2"
        assert topic.topic_configs["unclean.leader.election.enable"] == "false"
        assert topic.topic_configs["message.timestamp.type"] == "LogAppendTime"
        # The largest batch of ours must fit.
        assert int(topic.topic_configs["max.message.bytes"]) > 2 * 1024 * 1024
    assert events.topic_configs["retention.ms"] == str(2 * 24 * 60 * 60 * 1000)
    assert letters.topic_configs["retention.ms"] == "-1"
