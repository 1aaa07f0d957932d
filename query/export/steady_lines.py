"""Keep something to send while an export finds no domain that is wanted. Pure.

Clients and proxies drop a connection that is silent for a minute. In front of a line of NDJSON a
space means nothing. In a CSV file everything means something (RFC 4180), so its last line is held
back, and is sent byte by byte meanwhile.
"""


class SteadyLines:
    """The lines of one download, which begins with *head*.

    *padding* may stand in front of a line and means nothing. If it is empty, the last line is held
    back.
    """

    def __init__(self, head: bytes, padding: bytes) -> None:
        self._padding = padding
        self._held = head

    def add(self, lines: bytes) -> bytes:
        """Add whole *lines*, perhaps none, and return what to send now."""
        text = self._held + lines
        kept_from = len(text) if self._padding else text.rfind(b"\n", 0, -1) + 1
        self._held = text[kept_from:]
        return text[:kept_from]

    def drip(self) -> bytes:
        """Return a byte to send now, where ``add`` has returned nothing; none if none is left."""
        drop, self._held = self._held[:1], self._held[1:]
        return drop or self._padding

    def end(self, line: bytes) -> bytes:
        """Return the rest, with the last *line*."""
        return self._held + line
