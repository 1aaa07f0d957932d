"""How a TLS listener handles connections that end before their handshake."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from shared.http.tls import Handshakes, ServerTls
from shared.security.tls import ServerFiles
from tests.servers.certificates import Authority


async def test_a_connection_that_refuses_its_options_is_closed(tmp_path: Path) -> None:
    """On some systems one that its client has reset does so. The next connection is accepted."""
    defects: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: defects.append(context))
    authority = Authority(tmp_path / "authority")
    tls = ServerTls(ServerFiles(*authority.issue("node", "localhost")), CollectorRegistry())
    handshakes = Handshakes(asyncio.Protocol, tls)
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:  # its connections have no TCP_NODELAY
        listener.bind(str(path))
        listener.listen()
        accepting = asyncio.create_task(handshakes.listen(listener, lambda: True))
        for _ in range(2):
            reader, writer = await asyncio.open_unix_connection(path)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()
        assert not len(handshakes)
        accepting.cancel()
        await asyncio.wait([accepting])
    assert not defects
