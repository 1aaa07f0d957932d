"""Every entry of deploy/RUNBOOK.md, tried on real servers: ``python -m tests.tools.runbook``."""
