"""How much of the machine the servers may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """JVM flags and thread counts of one kind of run."""

    kafka_jvm: tuple[str, ...]
    cassandra_jvm: tuple[str, ...]
    cassandra_processors: int
    cassandra_concurrent_reads: int
    # Group commit parks a thread per write for a window: too few and a node drowns.
    cassandra_concurrent_writes: int


# Starts fast and lies beside other work: the C1 compiler alone is ready sooner.
FRUGAL = Profile(
    kafka_jvm=("-Xms128m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    cassandra_jvm=(
        *("-Xms512m", "-Xmx512m", "-Xss256k", "-XX:MaxDirectMemorySize=256m"),
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    ),
    cassandra_processors=1,
    cassandra_concurrent_reads=16,
    cassandra_concurrent_writes=32,
)
BENCH = Profile(
    kafka_jvm=("-Xms1g", "-Xmx1g", "-Xss512k", "-XX:+UseSerialGC"),
    cassandra_jvm=(
        *("-Xms2g", "-Xmx2g", "-Xss256k", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC"),
    ),
    cassandra_processors=2,
    cassandra_concurrent_reads=16,
    cassandra_concurrent_writes=128,
)
