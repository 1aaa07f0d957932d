"""The domains of the load, and what each has counted before it begins. Pure."""

from collections.abc import Iterable, Iterator
from itertools import islice

from tests.tools.bench.comparison.counts import numbers_by_bucket
from tests.tools.load.streams.wide_stream import WideStream

_FEW, _MANY = 97, 1_000
_EVERY_NTH_HAS_MANY = 10


def preloaded(stream: WideStream, number: int) -> tuple[int, int]:
    """Return the deliveries and the bounces of domain *number* before the load.

    Every tenth domain is anywhere up to the threshold: 1 of 10,000 deliveries makes a domain
    catch-all. The domains that bounce have done so already.
    """
    nth, rest = divmod(number, _EVERY_NTH_HAS_MANY)
    delivered = 1 + (nth % _MANY if rest == 0 else nth % _FEW)
    return delivered, int(stream.bounces(number))


def bodies(
    stream: WideStream, domains: int, buckets: int, partitions: int, lines: int
) -> Iterator[tuple[int, bytes]]:
    """Yield the bulk requests that give all domains these counts, each with its number of lines.

    Bucket after bucket, so that a worker reads and writes each once; the partitions take turns.
    """
    found = numbers_by_bucket(range(domains), stream.name, buckets)
    in_turn = sorted(range(buckets), key=lambda bucket: bucket * partitions % buckets)
    every = _lines(stream, (number for bucket in in_turn for number in found[bucket]))
    while piece := list(islice(every, lines)):
        yield len(piece), "".join(piece).encode()


def _lines(stream: WideStream, numbers: Iterable[int]) -> Iterator[str]:
    for number in numbers:
        name = stream.name(number)
        delivered, bounced = preloaded(stream, number)
        yield f'{{"domain":"{name}","event":"delivered","count":{delivered}}}\n'
        if bounced:
            yield f'{{"domain":"{name}","event":"bounced"}}\n'
