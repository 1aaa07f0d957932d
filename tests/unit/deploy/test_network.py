"""Who may reach whom in the cluster: what stands in the table, and nothing else."""

from typing import Any

import pytest

from tests.unit.deploy import expected
from tests.unit.deploy.overlays import COMPONENT, NAME, NODES, labels, of_kind, one, selects

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
ASKERS = {(who, port) for who in ("query", "prometheus") for port in MANAGEMENT}
IN = {
    "ingest": {("clients", 8080)} | ASKERS,
    "query": {("clients", 8081)} | ASKERS,
    "worker": ASKERS,
    "prepare": ASKERS,  # it listens at no port
}


def peer(rule: dict[str, Any]) -> str:
    """Return who a peer is, by what tells it."""
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


def allowed(name: str, of: dict[str, str], way: str) -> set[tuple[str, int]]:
    """Return whom pods with the labels *of* may reach, or be reached by, at which port."""
    side = {"Egress": "to", "Ingress": "from"}[way]
    found = set()
    for policy in of_kind(name, "NetworkPolicy"):
        spec = policy["spec"]
        if way not in spec["policyTypes"] or not selects(spec["podSelector"], of):
            continue
        for rule in spec.get(way.lower(), []):
            # A rule without peers or without ports would allow all of them.
            assert rule[side]
            assert rule["ports"]
            found |= {(peer(p), port["port"]) for p in rule[side] for port in rule["ports"]}
    return found


@pytest.mark.parametrize("name", NODES)
def test_all_is_denied_by_itself(name: str) -> None:
    """Every pod of the namespace, both ways, whoever puts it there."""
    assert one(name, "NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("component", OUT)
def test_each_tier_reaches_what_it_needs(name: str, component: str) -> None:
    """And is reached by those who need it."""
    (workload,) = (
        each for each in of_kind(name, "Deployment", "Job") if each["metadata"]["name"] == component
    )
    assert allowed(name, labels(workload), "Egress") == OUT[component]
    assert allowed(name, labels(workload), "Ingress") == IN[component]
