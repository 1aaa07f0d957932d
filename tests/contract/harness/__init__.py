"""What contract tests run against: each fake beside the real thing, and small servers."""
