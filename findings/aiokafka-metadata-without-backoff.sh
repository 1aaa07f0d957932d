#!/usr/bin/env bash
# aiokafka 0.14.0: a consumer whose partitions have no leader asks for metadata without a pause.
#
# A partition has no leader for as long as its replicas are down, perhaps for hours. retry_backoff_ms
# (100) is the pause "before retrying a failed request".
#
# Expected: about ten requests for metadata a second, as with the Java client (retry.backoff.ms).
# Happens:  the next request follows at once on the answer of the one before. On three brokers of Kafka
#           4.3.1, the one with the partition killed: 1,009 requests a second, half a core of the client.
#           Only if it fetches another partition meanwhile, they are few: a broker answers one
#           connection in order, so they wait behind a fetch. Here the answer takes 2 ms.
# What helps: assign the partition when its leader is back, or delay the client's metadata requests.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from aiokafka import TopicPartition, __version__
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.metadata import MetadataResponse_v1

ANSWER_SECONDS, SECONDS = 0.002, 2.0
NO_LEADER, LEADER_NOT_AVAILABLE = -1, 5


async def main():
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1", retry_backoff_ms=100)
    requests = 0

    async def metadata_update(cluster, topics):
        """Do what a broker's answer does to the client: partition 0 has no leader."""
        nonlocal requests
        requests += 1
        await asyncio.sleep(ANSWER_SECONDS)
        partition = (LEADER_NOT_AVAILABLE, 0, NO_LEADER, [1], [])
        cluster.update_metadata(
            MetadataResponse_v1([(1, "127.0.0.1", 1, None)], 1, [(0, "events", False, [partition])])
        )
        return True

    client._metadata_update = metadata_update
    client._sync_task = asyncio.create_task(client._md_synchronizer())
    subscription = SubscriptionState()
    subscription.assign_from_user({TopicPartition("events", 0)})
    subscription.seek(TopicPartition("events", 0), 0)
    await client.force_metadata_update()
    fetcher = Fetcher(client, subscription, retry_backoff_ms=100)
    requests = 0
    await asyncio.sleep(SECONDS)
    rate = requests / SECONDS
    await fetcher.close()
    client._sync_task.cancel()
    print("requests for metadata, expected about 10 a second, more than 100 found:", rate > 100)
    assert rate > 100, f"{rate} a second now: the finding is out of date"


print("aiokafka", __version__)
asyncio.run(main())
PYTHON
# Seen:
#   aiokafka 0.14.0
#   requests for metadata, expected about 10 a second, more than 100 found: True
