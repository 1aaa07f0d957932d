"""Which events repeat an idempotency key. Pure."""
