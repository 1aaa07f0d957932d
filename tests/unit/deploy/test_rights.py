"""Who may do what: as little as each tier needs."""

from deploy.rights import Acl, Resource, RightsConfig, acls, grants
from shared.config import KafkaConfig
from shared.kafka.rights import Right

KAFKA = KafkaConfig(bootstrap_servers="kafka")
NAMES = RightsConfig.model_construct(group="counters")


def rights_of(user: str) -> set[tuple[str, Right]]:
    """Return what *user* may do in Kafka."""
    return {(acl.name, acl.right) for acl in acls(KAFKA, NAMES) if acl.user == user}


def test_ingest_writes_events_and_nothing_else() -> None:
    """It may see how many replicas its topic wants, and reads nothing."""
    assert rights_of("ingest") == {
        (KAFKA.topic, Right.WRITE),
        (KAFKA.topic, Right.DESCRIBE_CONFIGS),
    }


def test_only_workers_write_changes_and_dead_letters_and_none_writes_events() -> None:
    """Nor does anybody but workers read events, in their own group."""
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
        (KAFKA.changes_topic, "query"),
    }
    assert Acl("worker", Resource.GROUP, "counters", Right.READ) in every


def test_only_workers_modify_counters() -> None:
    """Query nodes read them, ingest nodes have no role."""
    assert grants("catchall", NAMES) == [
        'GRANT SELECT ON TABLE catchall.domain_counters TO "worker"',
        'GRANT MODIFY ON TABLE catchall.domain_counters TO "worker"',
        'GRANT SELECT ON TABLE catchall.domain_counters TO "query"',
    ]
