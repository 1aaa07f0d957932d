"""A simulated Cassandra: sets of replicas with counter rows."""
