"""Look domains up: counters from Cassandra, a read-through cache, and the answer of one domain."""
