"""Look up domains: counters from Cassandra, a read-through cache, the answer for one domain."""
