"""What goes wrong with servers, said in one line that ends with what mends it."""


class ServersError(Exception):
    """A server that cannot be had or does not work; the message is one line for people."""
