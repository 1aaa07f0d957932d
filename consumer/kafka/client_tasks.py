"""Notice when a background task of aiokafka ends: it would read nothing more, without an error."""

from aiokafka import AIOKafkaConsumer

from shared.errors import PipelineError


def require_running(consumer: AIOKafkaConsumer) -> None:
    """Return if the tasks of *consumer*, which has started, run. Raises PipelineError.

    aiokafka 0.14 has nothing public to ask: ``getmany`` does not look at its fetcher, and wraps
    the error of its coordinator in one that looks like any other.
    """
    for name, task in (
        ("fetcher", consumer._fetcher._fetch_task),  # noqa: SLF001 see above
        ("coordinator", consumer._coordinator._coordination_task),  # noqa: SLF001 see above
        ("metadata", consumer._client._sync_task),  # noqa: SLF001 see above
    ):
        if task.done():
            error = None if task.cancelled() else task.exception()
            raise PipelineError(f"aiokafka's {name} task has ended: {error!r}") from error
