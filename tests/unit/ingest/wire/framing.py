"""Encode requests as HTTP allows: with a length, in chunks, compressed."""

import gzip

NDJSON = "Content-Type: application/x-ndjson"
GZIP = "Content-Encoding: gzip"


def frame(
    method: str, target: str, headers: list[str], body: bytes = b"", chunk_bytes: int = 0
) -> bytes:
    """Return a request; its body in chunks of *chunk_bytes* unless that is 0."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test", *headers]
    if chunk_bytes:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[i : i + chunk_bytes] for i in range(0, len(body), chunk_bytes)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        body = framed + b"0\r\n\r\n"
    elif body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def compress(body: bytes, members: int) -> bytes:
    """Return *body* as a gzip file with *members* members."""
    size = max(1, -(-len(body) // members))
    pieces = [body[i : i + size] for i in range(0, max(len(body), 1), size)]
    return b"".join(gzip.compress(piece, 1, mtime=0) for piece in pieces)
