"""Alert rules and dashboards, read for tests."""
