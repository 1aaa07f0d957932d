"""The rows of the table and the measurement of each."""

from tests.tools.bench.assignment import measure as assignment
from tests.tools.bench.rows import (
    bulk,
    counter_rows,
    export,
    get,
    growth,
    pipeline,
    put_one_core,
    put_two_cores,
    scaling,
    sizes,
    visible,
    worker,
)
from tests.tools.bench.rows.row import Row

ROWS = (
    Row(1, "PUT on one core", put_one_core.measure),
    Row(2, "PUT into Kafka on all cores", put_two_cores.measure),
    Row(3, "Bulk into Kafka", bulk.measure),
    Row(4, "Worker", worker.measure),
    Row(5, "Counter rows into Cassandra", counter_rows.measure),
    Row(6, "GET", get.measure),
    Row(7, "The whole pipeline, few domains at a time", pipeline.measure_waves),
    Row(8, "PUT to changed GET", visible.measure),
    Row(9, "Cost growth of a worker", growth.measure),
    Row(10, "The whole pipeline, many domains", pipeline.measure_wide),
    Row(11, "One, two and four processes of each tier", scaling.measure),
    Row(12, "Bytes of an event, a counter row and an idle process", sizes.measure),
    Row(13, "The assignment's load", assignment.measure, by_default=False),
    Row(14, "Export of all domains", export.measure),
)
BY_DEFAULT = tuple(row for row in ROWS if row.by_default)


def select(text: str) -> list[Row]:
    """Return the rows named by a text like "1,3,7"; raise ValueError for an unknown number."""
    numbers = {row.number: row for row in ROWS}
    chosen = []
    for part in text.split(","):
        if not part.strip().isdigit() or int(part) not in numbers:
            raise ValueError(f"{part.strip()!r} is not a row: there are 1 to {ROWS[-1].number}")
        chosen.append(numbers[int(part)])
    return chosen
