"""Run Cassandra's nodetool against a node that was started here."""

import asyncio
from pathlib import Path

from deploy.processes import process
from deploy.processes.node import Node
from deploy.processes.process import Command
from deploy.servers import cassandra

LIMIT_SECONDS = 300.0


async def nodetool(node: Node, *words: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Return the output. Raises RuntimeError with the output if the exit status is not 0.

    It uses the Java and the jars of *node*, so it does not work for a container.
    """
    plan = node.plan
    arguments = plan.command.arguments
    libraries = arguments[arguments.index("-cp") + 1]
    name = f"nodetool-{words[0]}"
    log = plan.command.folder / f"{name}.log"
    log.unlink(missing_ok=True)
    command = Command(
        name,
        (
            arguments[0],
            # The node's file with the modules that Cassandra's classes need access to.
            *(argument for argument in arguments if argument.startswith("@")),
            *("-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", libraries),
            *(
                f"-Dcassandra.storagedir={plan.command.folder}",
                f"-Duser.home={plan.command.folder}",
            ),
            "org.apache.cassandra.tools.NodeTool",
            *("-h", plan.endpoints[0].host, "-p", str(cassandra.JMX_PORT), *words),
        ),
        log,
        plan.command.folder,
    )
    status = await process.run(command, process.launch, limit_seconds)
    text = await asyncio.to_thread(log.read_text)
    if status != 0:
        raise RuntimeError(f"nodetool {' '.join(words)} ended with {status}:\n{text}")
    return text


def table_bytes(node: Node, keyspace: str, table: str) -> int:
    """Return the size of a table's files on the disk of *node*, without snapshots."""
    folder: Path = node.plan.command.folder / "data" / keyspace
    return sum(file.stat().st_size for file in folder.glob(f"{table}-*/*") if file.is_file())
