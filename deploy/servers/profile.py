"""How much memory and CPU the servers may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """JVM flags and thread counts of one kind of run."""

    kafka_jvm: tuple[str, ...]
    cassandra_jvm: tuple[str, ...]
    cassandra_processors: int
    cassandra_concurrent_reads: int
    # With group commit each write blocks a thread until the next sync: too few overload the node.
    cassandra_concurrent_writes: int
    # A small memtable is written out every few seconds, and each write then reads many files.
    cassandra_memtable: str
    cassandra_file_cache: str


# Starts fast and leaves room for other work. With the C1 compiler alone a JVM is ready sooner.
FRUGAL = Profile(
    kafka_jvm=("-Xms128m", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    cassandra_jvm=(
        *("-Xms512m", "-Xmx512m", "-Xss256k", "-XX:MaxDirectMemorySize=256m"),
        *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    ),
    cassandra_processors=1,
    cassandra_concurrent_reads=16,
    cassandra_concurrent_writes=32,
    cassandra_memtable="64MiB",
    cassandra_file_cache="32MiB",
)
BENCH = Profile(
    kafka_jvm=("-Xms1g", "-Xmx1g", "-Xss512k", "-XX:+UseSerialGC"),
    cassandra_jvm=(
        *("-Xms2g", "-Xmx2g", "-Xss256k", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC"),
        # What the memtable keeps is copied while everything waits: often and little at a time.
        *("-Xmn64m", "-XX:MaxTenuringThreshold=1"),
    ),
    cassandra_processors=2,
    cassandra_concurrent_reads=16,
    cassandra_concurrent_writes=128,
    cassandra_memtable="512MiB",
    cassandra_file_cache="256MiB",
)
