"""When to write, and how much at a time. Pure."""
