"""Look for a request that makes an ingest node err: ``python -m tests.tools.fuzz``."""
