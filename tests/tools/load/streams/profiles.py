"""Build the stream and the schedule from the options. Pure."""

from collections.abc import Iterator
from random import Random

from tests.tools.load.options import LoadOptions, Profile
from tests.tools.load.streams.schedule import Share, Shipment, schedule
from tests.tools.load.streams.stream import Stream
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.streams.wide_stream import WideStream


def stream_of(options: LoadOptions) -> Stream:
    """Return the events of the run, from the first."""
    match options.profile:
        case Profile.WAVES:
            return WavesStream(options.seed)
        case Profile.WIDE:
            return WideStream(options.seed, options.domains, options.exponent, options.bounce_share)


def domains_of(options: LoadOptions) -> int:
    """Return the number of domains to allocate at the start."""
    return options.domains if options.profile is Profile.WIDE else 0


def shipments_of(options: LoadOptions, stream: Stream, share: Share) -> Iterator[Shipment]:
    """Return a share of the run's requests."""
    return schedule(
        stream,
        events=options.events,
        rate=options.rate,
        mode=options.mode,
        bulk_lines=options.bulk_lines,
        put_share=options.put_share,
        random=Random(f"ways {options.seed}"),
        share=share,
    )
