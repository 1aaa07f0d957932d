"""A client of the public API in Python, and the command ``catchall``."""
