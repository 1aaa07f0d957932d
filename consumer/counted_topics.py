"""Remember in the store which topic its rows count: offsets of another one mean something else.

Kafka deletes the committed offsets of a topic with the topic, so the id has to stand beside the
counts.
"""

from uuid import UUID

from shared.cassandra.session import Session

_SELECT = "SELECT topic_id FROM {keyspace}.counted_topics WHERE topic = ?"
_INSERT = "INSERT INTO {keyspace}.counted_topics (topic, topic_id) VALUES (?, ?)"


async def remember_topic_id(session: Session, topic: str, found: UUID | None) -> UUID | None:
    """Return the id of *topic* that the rows count: the first that a worker has *found*.

    None if no worker has found any. Raises PipelineError without the table, and RetriableError if
    Cassandra does not answer.
    """
    select, insert = (text.format(keyspace=session.keyspace) for text in (_SELECT, _INSERT))
    await session.require(select, insert)  # without values they are invalid
    reading = (await session.prepare(select)).bind((topic,))
    rows = await session.patiently(lambda: session.read(reading))
    if rows:
        known: UUID = rows[0].topic_id
        return known
    if found is not None:
        # Not conditional: workers that start together write the same.
        writing = (await session.prepare(insert)).bind((topic, found))
        await session.patiently(lambda: session.write(writing))
    return found
