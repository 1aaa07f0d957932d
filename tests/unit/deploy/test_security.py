"""Servers that are closed: what is different, and that secrets stay in their files."""

from pathlib import Path

from deploy.servers import backends as servers
from deploy.servers.cluster import Cluster
from deploy.servers.security import Security

LOCAL = servers.as_processes(Path("/jdk/bin/java"), Path("/jars/kafka"), Path("/jars/cassandra"))
SECURITY = Security("CA", "KEY AND CERTIFICATE", {"admin": "hush", "worker": "hush-too"})


def test_closed_servers_speak_tls_alone_and_know_their_users() -> None:
    """No port for clients is left open, and whoever has no right may do nothing."""
    closed = servers.build_servers(Cluster(Path("/data"), security=SECURITY), LOCAL)
    (broker,), (store,) = closed.kafka, closed.cassandra
    properties = broker.plan.files[Path("/data/kafka-1/server.properties")]
    assert "listeners=SASL_SSL://127.0.0.1:19092,CONTROLLER:" in properties
    assert "PLAINTEXT:PLAINTEXT" not in properties
    assert "authorizer.class.name=" in properties
    yaml = store.plan.files[Path("/data/cassandra-1/cassandra.yaml")]
    assert 'authenticator: "PasswordAuthenticator"' in yaml
    assert '"optional": false' in yaml
    for node, name in ((broker, "kafka-1"), (store, "cassandra-1")):
        assert node.plan.files[Path(f"/data/{name}/server.pem")] == SECURITY.server
        assert "hush" not in " ".join(node.plan.command.arguments)
    assert broker.plan.setup is not None
    assert "SCRAM-SHA-512=[name=worker,password=hush-too]" in broker.plan.setup.arguments


def test_open_servers_are_as_they_were() -> None:
    """Nothing of it is in what `make run` starts."""
    for node in servers.build_servers(Cluster(Path("/data")), LOCAL).nodes:
        text = " ".join(node.plan.files.values())
        assert "SASL" not in text
        assert "authenticator" not in text


def test_secrets_are_not_printed() -> None:
    """Who prints a cluster prints no password and no key."""
    assert "hush" not in repr(Cluster(Path("/data"), security=SECURITY))
    assert "KEY" not in repr(SECURITY)
