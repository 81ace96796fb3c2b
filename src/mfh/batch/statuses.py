"""Which photos have a row, and which: by digests of their ids, 17 bytes each."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

_BYTES = 16
_KIND = f"S{_BYTES}"
_FEWEST, _SHARE = 16_384, 8
"""Newer ones are merged with the others when they are so many, and so large a part of them."""
_OK = 0
_CODES = {"ok": _OK, "no scale": 1, "failed": 2}


class Statuses:
    """Status of photos by id. Two ids of one digest of 128 bits are one: a million have none."""

    def __init__(self) -> None:
        self._digests, self._codes = np.empty(0, _KIND), np.empty(0, np.uint8)
        self._newer: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Return how many photos have one."""
        self._settle()
        return len(self._digests)

    def __contains__(self, name: object) -> bool:
        """Return whether a photo has one."""
        key = _digest(str(name))
        if key in self._newer:
            return True
        at = int(np.searchsorted(self._digests, np.bytes_(key)))
        return at < len(self._digests) and bool(self._digests[at] == np.bytes_(key))

    def add(self, names: Sequence[str], statuses: Sequence[str]) -> None:
        """Note rows; a photo has that of its last one.

        Args:
            names: ids.
            statuses: of each.
        """
        self._newer.update((_digest(name), _CODES.get(one, 2)) for name, one in zip(names, statuses, strict=True))
        if len(self._newer) >= max(_FEWEST, len(self._digests) // _SHARE):
            self._settle()

    def lacking(self, names: Sequence[str]) -> np.ndarray:
        """Return which of some photos have none, by their number among them.

        Args:
            names: ids.
        """
        self._settle()
        if not len(self._digests):
            return np.arange(len(names))
        keys = np.array([_digest(name) for name in names], _KIND)
        at = np.minimum(np.searchsorted(self._digests, keys), len(self._digests) - 1)
        return np.flatnonzero(self._digests[at] != keys)

    def forget_failures(self) -> None:
        """Forget all but the photos that have depth."""
        self._settle()
        kept = self._codes == _OK
        self._digests, self._codes = self._digests[kept], self._codes[kept]

    def _settle(self) -> None:
        """Merge the newer ones with the others."""
        if not self._newer:
            return
        digests = np.concatenate([self._digests, np.array(list(self._newer), _KIND)])
        codes = np.concatenate([self._codes, np.fromiter(self._newer.values(), np.uint8, len(self._newer))])
        order = np.argsort(digests, kind="stable")
        digests, codes = digests[order], codes[order]
        last = np.append(digests[1:] != digests[:-1], True)
        self._digests, self._codes = digests[last], codes[last]
        self._newer = {}


def _digest(name: str) -> bytes:
    # numpy takes bytes of zero at the end for none.
    return blake2b(name.encode(errors="surrogatepass"), digest_size=_BYTES).digest().rstrip(b"\0")
