"""Choose loopback addresses, so that test runs and `make run` do not conflict."""

import random


def random_prefix() -> str:
    """Return the first three numbers of loopback addresses that are probably unused."""
    return f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"
