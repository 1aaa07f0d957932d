"""Freeze servers for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.processes.node import Node


@contextmanager
def frozen(*nodes: Node) -> Iterator[None]:
    """Freeze *nodes* while the context is open."""
    try:
        for node in nodes:
            node.pause()
        yield
    finally:
        for node in nodes:
            node.resume()
