"""Start, stop and watch processes of the operating system."""
