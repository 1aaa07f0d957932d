"""Nodes follow their API documents for random requests, valid and invalid."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.tiers.stack import Stack

TIERS = ("ingest", "query")
FOLDER = Path(__file__).parent / "schemathesis"
PROGRAM = Path(sys.executable).with_name("schemathesis")
WITHIN_SECONDS = 300.0


@pytest.mark.parametrize("tier", TIERS)
async def test_a_node_conforms_to_its_document(stack: Stack, tier: str) -> None:
    """On both ports, with data, headers and methods that the document permits, and with others."""
    node = next(node for node in stack.started if node.name.startswith(tier))
    logged = node.log_text()
    running = await asyncio.create_subprocess_exec(
        PROGRAM,
        "--config-file=schemathesis.toml",
        "run",
        "--no-color",
        f"{node.url}/openapi.json",
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()

    assert running.returncode == 0, output.decode()
    # No request is a defect: the node logs refusals only.
    lines = node.log_text().removeprefix(logged).splitlines()
    assert {(line["event"], line["level"]) for line in map(json.loads, lines)} <= {
        ("refused", "info")
    }
