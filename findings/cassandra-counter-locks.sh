#!/usr/bin/env bash
# Cassandra 5.0.8: counter batches of different partitions wait for each other.
#
# A counter mutation locks each counter of each row while it reads, adds and appends to the commit log.
# The locks are striped: concurrent_counter_writes x 1,024 of them (32 x 1,024 by default). A batch of 256
# rows with three counters takes 768, so two such batches share 18 locks on average (4 with 128 x 1,024),
# whatever their partitions, and one waits until the other is on disk.
#
# Expected: eight batches in flight write several times as much as two, until the cores are busy;
#           concurrent_counter_writes is a number of threads, of which more than eight cannot matter here.
# Happens:  eight in flight write 1.7 times what two do, and cores are idle. With 4,096 "threads" (as many start
#           as batches are in flight) they write 2.8 times as much. Domain names as row keys: 25,600 rows a
#           second with 4 to 16 in flight, and 82,200 with 4,096.
# What helps: concurrent_counter_writes: 4096; smaller batches, since collisions grow with their square.
# Needs:    Java 17, Maven.
set -euo pipefail
folder=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
cd "$folder"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>5.0.8</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B -Dstyle.color=never dependency:copy-dependencies -DoutputDirectory=jars
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cassandra-driver==3.30.1
cat >measure.py <<'PYTHON'
import socket
import sys
import threading
import time

from cassandra.cluster import Cluster, NoHostAvailable

ROWS, BATCHES, IN_FLIGHT = 256, 400, 8
SCHEMA = """CREATE KEYSPACE finding
    WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
CREATE TABLE finding.counters (partition int, name text, a counter, b counter, c counter,
    PRIMARY KEY (partition, name))"""
UPDATE = """UPDATE finding.counters SET a = a + 1, b = b + 1, c = c + 1
    WHERE partition = ? AND name = ?;"""


def connect():
    for _ in range(120):
        try:
            cluster = Cluster(
                ["127.0.0.1"],
                port=int(sys.argv[1]),
                protocol_version=5,
                sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            )
            return cluster.connect()
        except NoHostAvailable:
            time.sleep(0.5)
    sys.exit("Cassandra did not start")


session = connect()
for statement in SCHEMA.split(";"):
    session.execute(statement)
batch = session.prepare("BEGIN COUNTER BATCH " + UPDATE * ROWS + " APPLY BATCH")


def rate(in_flight, batches):
    """Return the rows written a second; each batch is a partition of its own."""
    places = threading.Semaphore(in_flight)
    futures = []
    began = time.perf_counter()
    for partition in range(batches):
        values = [value for row in range(ROWS) for value in (partition, f"name-{row}")]
        places.acquire()
        future = session.execute_async(batch, values)
        future.add_callbacks(lambda _: places.release(), lambda _: places.release())
        futures.append(future)
    for future in futures:
        future.result()
    return batches * ROWS / (time.perf_counter() - began)


rate(IN_FLIGHT, 2 * BATCHES)  # the compilers of the JVM warm up
print(int(rate(2, BATCHES)), int(rate(IN_FLIGHT, BATCHES)))
session.cluster.shutdown()
PYTHON
run() {
    mkdir -p "data-$1"
    cat >"data-$1/cassandra.yaml" <<YAML
cluster_name: finding
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
endpoint_snitch: SimpleSnitch
seed_provider: [{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: 127.0.0.1}]}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: 27000
native_transport_port: 29042
data_file_directories: [$folder/data-$1/data]
commitlog_directory: $folder/data-$1/commitlog
saved_caches_directory: $folder/data-$1/saved_caches
hints_directory: $folder/data-$1/hints
cdc_raw_directory: $folder/data-$1/cdc_raw
commitlog_sync: group
commitlog_sync_group_window: 10ms
counter_cache_size: 0MiB
concurrent_counter_writes: $1
YAML
    java -Xms1g -Xmx1g -XX:+UseSerialGC $(printf -- '--add-exports=%s=ALL-UNNAMED ' \
        java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch \
        java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry \
        java.rmi/sun.rmi.server java.rmi/sun.rmi.transport.tcp java.sql/java.sql) \
        $(printf -- '--add-opens=%s=ALL-UNNAMED ' \
        java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect \
        java.base/java.nio java.base/java.util java.base/java.util.concurrent \
        java.base/java.util.concurrent.atomic java.base/jdk.internal.loader \
        java.base/jdk.internal.math java.base/jdk.internal.module java.base/jdk.internal.ref \
        java.base/jdk.internal.reflect java.base/jdk.internal.util.jar java.base/sun.nio.ch \
        jdk.management/com.sun.management.internal) \
        -Dcassandra.config="file://$folder/data-$1/cassandra.yaml" -Dcassandra.storagedir="$folder/data-$1" \
        -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra-foreground=yes \
        -cp "$folder/jars/*" org.apache.cassandra.service.CassandraDaemon >"data-$1/log" 2>&1 &
    server=$!
    venv/bin/python measure.py 29042 || { tail -n 20 "data-$1/log" >&2; exit 1; }
    kill "$server"
    wait "$server" || true
    server=
}
run 128 >with-128
run 4096 >with-4096
read -r two eight <with-128
read -r _ eight_with_many_locks <with-4096
echo "rows a second: $two with 2 in flight, $eight with 8; with 4096: $eight_with_many_locks" >&2
echo "concurrent_counter_writes 128: 8 in flight write twice as much as 2: $((eight > 2 * two))"
echo "4096: 8 in flight write half as much again: $((2 * eight_with_many_locks > 3 * eight))"
[ $((eight <= 2 * two && 2 * eight_with_many_locks > 3 * eight)) = 1 ]
# Seen (two cores):
#   rows a second: 24661 with 2 in flight, 41371 with 8; with 4096: 68888
#   concurrent_counter_writes 128: 8 in flight write twice as much as 2: 0
#   4096: 8 in flight write half as much again: 1
