"""Answer the requests of a Cassandra driver at once (native protocol, version 4); print the port.

For findings that need no database: ``python cql_server.py``.
"""

import asyncio
import socket
import struct

OPTIONS = b"\x00\x02\x00\x0bCQL_VERSION\x00\x01\x00\x053.4.7\x00\x0bCOMPRESSION\x00\x00"
VOID = b"\x00\x00\x00\x01"
SUPPORTED, READY, RESULT = 6, 2, 8
ANSWERS = {5: (SUPPORTED, OPTIONS), 1: (READY, b""), 7: (RESULT, VOID)}
"""By the opcode of the request: OPTIONS, STARTUP, QUERY."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request once it has arrived whole, as any server does."""
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            _, _, stream, opcode, size = struct.unpack(">BBhBI", await reader.readexactly(9))
            await reader.readexactly(size)
            kind, body = ANSWERS[opcode]
            writer.write(struct.pack(">BBhBI", 0x84, 0, stream, kind, len(body)) + body)
    except asyncio.IncompleteReadError:
        writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
