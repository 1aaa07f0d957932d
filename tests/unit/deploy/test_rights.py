"""Each tier has only the rights that it needs."""

from deploy.rights import Acl, Resource, RightsConfig, acls, grants
from shared.config import KafkaConfig
from shared.kafka.rights import Right

KAFKA = KafkaConfig(bootstrap_servers="kafka")
NAMES = RightsConfig.model_construct(group="counters")


def rights_of(user: str) -> set[tuple[str, Right]]:
    """Return the rights of *user* in Kafka."""
    return {(acl.name, acl.right) for acl in acls(KAFKA, NAMES) if acl.user == user}


def test_ingest_writes_events_and_nothing_else() -> None:
    """It may also read the settings of its topic, but no records."""
    assert rights_of("ingest") == {
        (KAFKA.topic, Right.WRITE),
        (KAFKA.topic, Right.DESCRIBE_CONFIGS),
    }


def test_only_workers_read_events_and_write_changes_and_dead_letters() -> None:
    """Workers cannot write events, and query nodes read only changes."""
    every = list(acls(KAFKA, NAMES))
    writers = {(acl.name, acl.user) for acl in every if acl.right is Right.WRITE}
    assert writers == {
        (KAFKA.topic, "ingest"),
        (KAFKA.changes_topic, "worker"),
        (KAFKA.dead_letter_topic, "worker"),
    }
    readers = {(acl.name, acl.user) for acl in every if acl.right is Right.READ}
    assert readers == {
        (KAFKA.topic, "worker"),
        ("counters", "worker"),
        ("counters.accepted-losses", "worker"),
        (KAFKA.changes_topic, "query"),
    }
    assert Acl("worker", Resource.GROUP, "counters", Right.READ) in every


def test_only_workers_modify_counters() -> None:
    """Query nodes read them; ingest nodes have no role."""
    assert grants("catchall", NAMES) == [
        'GRANT SELECT ON TABLE catchall.domain_counters TO "worker"',
        'GRANT MODIFY ON TABLE catchall.domain_counters TO "worker"',
        'GRANT SELECT ON TABLE catchall.counted_topics TO "worker"',
        'GRANT MODIFY ON TABLE catchall.counted_topics TO "worker"',
        'GRANT SELECT ON TABLE catchall.domain_counters TO "query"',
    ]
