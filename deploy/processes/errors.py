"""The error that people see: one line that ends with the remedy."""


class ServersError(Exception):
    """A process cannot be started or does not work. The message is one line and names a remedy."""
