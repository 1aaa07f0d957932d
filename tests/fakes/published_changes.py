"""A publisher of changes in memory."""

import asyncio
from collections.abc import Sequence

from shared.model.change import Change


class PublishedChanges:
    """A ChangePublisher (see there) that never fails."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def publish(self, changes: Sequence[Change]) -> None:
        """See ChangePublisher."""
        self.changes += changes

    async def run(self) -> None:
        """See ChangePublisher."""
        await asyncio.Event().wait()
