"""Run an ingest node whose producers have served for long.

The sequence numbers of each partition end after LEFT records, where aiokafka goes wrong
(``findings/aiokafka-sequence-wrap.sh``), and a producer is replaced somewhere in the second half
of them, under all other faults.
"""

from collections import defaultdict
from typing import Any

from aiokafka import TopicPartition
from aiokafka.producer import producer
from aiokafka.producer.transaction_manager import TransactionManager

from ingest.__main__ import run
from ingest.config import read_config
from shared.kafka import producer_topic
from shared.runtime.lifecycle import main

LEFT = 400
_END = 2**31


class AgedNumbers(TransactionManager):  # type: ignore[misc] # aiokafka has no types
    """The sequence numbers of a producer that has LEFT of them for each partition."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sequence_numbers: defaultdict[TopicPartition, int] = defaultdict(lambda: _END - LEFT)


if __name__ == "__main__":
    producer.TransactionManager = AgedNumbers
    vars(producer_topic)["RETIRE_AT"] = range(_END - LEFT // 2, _END - LEFT // 4)
    main("ingest", read_config, run)
