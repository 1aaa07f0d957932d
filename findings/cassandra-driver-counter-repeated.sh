#!/usr/bin/env bash
# cassandra-driver 3.30.1: a counter update whose connection is lost is sent again to another node.
#
# Whether the first node applied an update is unknown once its connection is lost. A statement has
# is_idempotent for that, False by default, and a counter update is not idempotent.
#
# Expected: the caller gets the error, as with the Java driver, and decides; the driver sends an
#           update again by itself only if its statement says that this does no harm.
# Happens:  the default RetryPolicy sends it to the next node, and the caller sees one success. If the
#           first node had applied it, the counter has grown twice. The statement's is_idempotent is
#           read for speculative executions alone.
# What helps: FallthroughRetryPolicy for counter updates.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cassandra-driver==3.30.1
"$folder/venv/bin/python" - <<'PYTHON'
from unittest.mock import MagicMock

import cassandra
from cassandra import ConsistencyLevel
from cassandra.cluster import ResponseFuture
from cassandra.connection import ConnectionException
from cassandra.policies import FallthroughRetryPolicy, RetryPolicy
from cassandra.protocol import QueryMessage, ResultMessage, RESULT_KIND_VOID
from cassandra.query import SimpleStatement

UPDATE = "UPDATE counts SET n = n + 1 WHERE id = 1"


def nodes_asked(policy):
    """Return which of two nodes get the update if the connection of the first is lost, and the error.

    The nodes are stand-ins; what decides is the driver's own.
    """
    asked = []

    class Pool:
        is_shutdown = False

        def __init__(self, node):
            self.node = node

        def borrow_connection(self, timeout, routing_key=None, keyspace=None, table=None):
            connection = MagicMock()
            connection.send_msg = lambda *a, **k: asked.append(self.node) or 1
            return connection, 1

    session = MagicMock()
    session._pools = {node: Pool(node) for node in ("first", "second")}
    session.submit = lambda task, *arguments: task(*arguments)  # at once instead of on a thread
    plan = MagicMock()
    plan.make_query_plan.return_value = ["first", "second"]
    statement = SimpleStatement(UPDATE)
    assert not statement.is_idempotent
    message = QueryMessage(UPDATE, ConsistencyLevel.QUORUM)
    future = ResponseFuture(
        session, message, statement, None, retry_policy=policy, load_balancer=plan
    )
    future.send_request()
    future._set_result("first", None, None, ConnectionException("the connection was lost"))
    if len(asked) > 1:
        done = ResultMessage(RESULT_KIND_VOID)
        future._set_result("second", None, None, done)
    try:
        future.result()
    except ConnectionException as error:
        return asked, type(error).__name__
    return asked, None


print("cassandra-driver", cassandra.__version__)
found = nodes_asked(RetryPolicy())
print("default policy: expected (['first'], 'ConnectionException'), found", found)
without = nodes_asked(FallthroughRetryPolicy())
print("FallthroughRetryPolicy:", without)
assert found == (["first", "second"], None), "it is not sent again now: the finding is out of date"
assert without == (["first"], "ConnectionException")
PYTHON
# Seen:
#   cassandra-driver 3.30.1
#   default policy: expected (['first'], 'ConnectionException'), found (['first', 'second'], None)
#   FallthroughRetryPolicy: (['first'], 'ConnectionException')
