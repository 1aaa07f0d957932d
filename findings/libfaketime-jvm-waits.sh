#!/usr/bin/env bash
# libfaketime 0.9.10-2.1 (Debian 12): timed waits of a JVM return at once if monotonic clocks are left alone.
#
# FAKETIME_DONT_FAKE_MONOTONIC moves the wall clock alone, which is what a test of a stepping clock
# needs. Debian builds the library with FORCE_MONOTONIC_FIX: it then computes the end of a wait from
# a clock that it does not fake.
#
# Expected: Object.wait(500) takes 500 ms, as without the library. The clock is not even moved here.
# Happens:  Object.wait and LockSupport.parkNanos return after 0 to 6 ms, each time, so a server on a
#           JVM spins, and its timeouts pass at once. A Python process waits as it should.
# What helps: FAKETIME_FORCE_MONOTONIC_FIX=0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -qq -o APT::Sandbox::User=root libfaketime=0.9.10-2.1
dpkg -x libfaketime_*.deb package
library=$(find "$folder/package" -name libfaketimeMT.so.1)
cat >Waits.java <<'JAVA'
import java.util.concurrent.locks.LockSupport;

public class Waits {
    public static void main(String[] arguments) throws Exception {
        Object lock = new Object();
        long began = System.nanoTime();
        synchronized (lock) {
            lock.wait(500);
        }
        long waited = System.nanoTime();
        LockSupport.parkNanos(500_000_000L);
        long parked = System.nanoTime();
        System.out.println((waited - began) / 1_000_000 + " " + (parked - waited) / 1_000_000);
    }
}
JAVA
run() {
    env "$@" FAKETIME=+0 FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD="$library" java -Xmx64m Waits.java
}
java -version 2>&1 | head -n 1
echo "libfaketime $(dpkg-deb -f libfaketime_*.deb Version)"
read -r usual_wait usual_park < <(run FAKETIME_FORCE_MONOTONIC_FIX=0)
read -r wait park < <(run UNUSED=)
echo "with FAKETIME_FORCE_MONOTONIC_FIX=0: wait $usual_wait ms, parkNanos $usual_park ms"
echo "as it is: expected 500 ms each, found wait $wait ms, parkNanos $park ms"
if ((usual_wait < 490 || usual_park < 490 || wait > 250 || park > 250)); then
    echo "the waits are others now: the finding is out of date"
    exit 1
fi
# Seen:
#   openjdk version "17.0.15" 2025-04-15
#   libfaketime 0.9.10-2.1
#   with FAKETIME_FORCE_MONOTONIC_FIX=0: wait 504 ms, parkNanos 500 ms
#   as it is: expected 500 ms each, found wait 0 ms, parkNanos 0 ms
