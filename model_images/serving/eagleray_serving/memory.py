"""The memory that this process holds, as its allocators count it."""

import ctypes
import gc
import sys
from typing import Any, Final

_SMALL_OBJECT: Final = 64
"""Bytes of one of Python's small objects, of 16 to 512 bytes, on average: of these alone the number is known."""


_FIELDS = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc; see mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


def held() -> int:
    """Bytes that are allocated by now, in all threads; 0 where the C library is not glibc.

    Not the resident memory: what a thread frees stays there, and what is loaded next seems to take nothing.
    """
    gc.collect()
    mallinfo: Any = getattr(_c_library(), "mallinfo2", None)
    if mallinfo is None:
        return 0
    mallinfo.restype = _Mallinfo
    told = mallinfo()
    return int(told.uordblks + told.hblkhd + sys.getallocatedblocks() * _SMALL_OBJECT)


def give_back() -> None:
    """Give the system what was freed, where the C library can."""
    if trim := getattr(_c_library(), "malloc_trim", None):
        trim(0)


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
