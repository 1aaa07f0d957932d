"""Choose loopback addresses, so that test runs and `make run` do not meet."""

import random


def random_prefix() -> str:
    """Return the first three numbers of addresses that hardly anybody else has chosen."""
    return f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"
