"""A bounded cache in two segments: a scan of many keys does not evict the keys in use. Pure."""

from collections import OrderedDict
from typing import Generic, TypeVar

_PROTECTED_SHARE = 0.8

V = TypeVar("V")


class SegmentedLru(Generic[V]):
    """At most *capacity* values; a new value is on probation until it is used again.

    Eviction takes the least recently used value on probation. So keys that are used once, however
    many, evict each other and never a value that is used repeatedly.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._max_protected = int(capacity * _PROTECTED_SHARE)
        self._probation: OrderedDict[str, V] = OrderedDict()
        self._protected: OrderedDict[str, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def get(self, key: str) -> V | None:
        """Return the value of *key* and mark it as used."""
        value = self._protected.get(key)
        if value is not None:
            self._protected.move_to_end(key)
            return value
        value = self._probation.pop(key, None)
        if value is not None:
            self._protected[key] = value
            if len(self._protected) > self._max_protected:
                last, demoted = self._protected.popitem(last=False)
                self._probation[last] = demoted
        return value

    def peek(self, key: str) -> V | None:
        """Return the value of *key* without marking it as used."""
        return self._protected.get(key) or self._probation.get(key)

    def insert(self, key: str, value: V) -> None:
        """Store *value* under a *key* that is not in the cache."""
        if len(self) >= self._capacity:
            self._probation.popitem(last=False)
        self._probation[key] = value

    def remove(self, key: str) -> None:
        """Remove *key* if it is in the cache."""
        if self._protected.pop(key, None) is None:
            self._probation.pop(key, None)
