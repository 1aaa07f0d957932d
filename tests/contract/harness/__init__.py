"""Fixtures of the contract tests: each fake beside the real thing, and small servers."""
