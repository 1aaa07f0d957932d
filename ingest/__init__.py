"""HTTP in, record out: the tier that senders talk to."""
