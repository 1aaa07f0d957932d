"""Secured servers: their settings, and secrets only in their files."""

from pathlib import Path

from deploy.servers import backends as servers
from deploy.servers.cluster import Cluster
from deploy.servers.security import Security

LOCAL = servers.as_processes(Path("/jdk/bin/java"), Path("/jars/kafka"), Path("/jars/cassandra"))
SECURITY = Security("CA", "KEY AND CERTIFICATE", {"admin": "hush", "worker": "hush-too"})


def test_secured_servers_accept_only_tls_and_known_users() -> None:
    """No client port is open, and without a right everything is refused."""
    secured = servers.build_servers(Cluster(Path("/data"), security=SECURITY), LOCAL)
    (broker,), (store,) = secured.kafka, secured.cassandra
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


def test_open_servers_have_no_such_settings() -> None:
    """`make run` starts open servers."""
    for node in servers.build_servers(Cluster(Path("/data")), LOCAL).nodes:
        text = " ".join(node.plan.files.values())
        assert "SASL" not in text
        assert "authenticator" not in text


def test_secrets_are_not_printed() -> None:
    """The repr of a cluster has no password and no private key."""
    assert "hush" not in repr(Cluster(Path("/data"), security=SECURITY))
    assert "KEY" not in repr(SECURITY)
