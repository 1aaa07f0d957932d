"""The module that builds Kubernetes takes its parts from published modules."""

from tests.tools.kubernetes.programs import VERSION, wrapper

OWN = """module k8s.io/kubernetes

go 1.26.0

require k8s.io/api v0.0.0

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/client-go => ./staging/src/k8s.io/client-go
)
"""


def test_each_part_has_the_version_of_the_whole() -> None:
    """Version 1.x.y of Kubernetes consists of the versions 0.x.y of its parts."""
    parts = f"v0.{VERSION.removeprefix('1.')}"
    assert wrapper(OWN).splitlines() == [
        "module trial",
        "go 1.26.0",
        f"require k8s.io/kubernetes v{VERSION}",
        f"replace k8s.io/api => k8s.io/api {parts}",
        f"replace k8s.io/client-go => k8s.io/client-go {parts}",
    ]
