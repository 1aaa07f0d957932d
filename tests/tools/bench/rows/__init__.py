"""The rows of the table, each with the measurement behind it."""
