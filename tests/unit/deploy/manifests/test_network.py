"""The network policies allow exactly the connections in the tables below."""

from typing import Any

import pytest

from tests.unit.deploy.manifests import expected
from tests.unit.deploy.manifests.overlays import (
    COMPONENT,
    NAME,
    NODES,
    labels,
    of_kind,
    one,
    selects,
)

DNS = {("dns", 53)}
KAFKA = {("kafka", 9092), ("kafka", 9093)}
CASSANDRA = {("cassandra", 9042)}
MANAGEMENT = {port for _, port in expected.PORTS.values()}
OUT = {
    "ingest": DNS | KAFKA,
    "worker": DNS | KAFKA | CASSANDRA,
    "query": DNS | KAFKA | CASSANDRA | {("catchall", port) for port in MANAGEMENT},
    "prepare": DNS | KAFKA | CASSANDRA,
}
SCRAPERS = {(peer, port) for peer in ("query", "prometheus") for port in MANAGEMENT}
IN = {
    "ingest": {("clients", 8080)} | SCRAPERS,
    "query": {("clients", 8081)} | SCRAPERS,
    "worker": SCRAPERS,
    "prepare": SCRAPERS,  # it listens on no port
}


def peer_name(rule: dict[str, Any]) -> str:
    """Return the name of a peer, from its selectors."""
    pods = rule.get("podSelector", {}).get("matchLabels", {})
    namespaces = rule.get("namespaceSelector", {}).get("matchLabels", {})
    if namespaces.get("catchall/client") == "true" and not pods:
        return "clients"
    if namespaces.get("kubernetes.io/metadata.name") == "kube-system":
        assert pods == {"k8s-app": "kube-dns"}
        return "dns"
    if pods[NAME] == "catchall" and "namespaceSelector" not in rule:
        return str(pods.get(COMPONENT, "catchall"))
    if pods[NAME] == "prometheus":
        assert namespaces == {"kubernetes.io/metadata.name": "monitoring"}
    return str(pods[NAME])


def allowed(name: str, pod_labels: dict[str, str], direction: str) -> set[tuple[str, int]]:
    """Return the peers and ports that pods with *pod_labels* may reach, or be reached by."""
    side = {"Egress": "to", "Ingress": "from"}[direction]
    found = set()
    for policy in of_kind(name, "NetworkPolicy"):
        spec = policy["spec"]
        if direction not in spec["policyTypes"] or not selects(spec["podSelector"], pod_labels):
            continue
        for rule in spec.get(direction.lower(), []):
            # A rule without peers or ports would allow all of them.
            assert rule[side]
            assert rule["ports"]
            found |= {(peer_name(p), port["port"]) for p in rule[side] for port in rule["ports"]}
    return found


@pytest.mark.parametrize("name", NODES)
def test_everything_is_denied_by_default(name: str) -> None:
    """This covers every pod of the namespace, in both directions."""
    assert one(name, "NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("component", OUT)
def test_each_tier_reaches_what_it_needs(name: str, component: str) -> None:
    """And only its clients reach it."""
    (workload,) = (
        each for each in of_kind(name, "Deployment", "Job") if each["metadata"]["name"] == component
    )
    assert allowed(name, labels(workload), "Egress") == OUT[component]
    assert allowed(name, labels(workload), "Ingress") == IN[component]
