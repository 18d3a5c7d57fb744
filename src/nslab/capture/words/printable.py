"""Text from a packet, as a table may show it: one line, whatever its bytes are."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_ESCAPES: Final = {n: f"\\{n:03o}" for n in (*range(32), 127)} | {
    7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r",
}  # fmt: skip


@lru_cache(4096)
def printable(data: bytes) -> str:
    r"""Return UTF-8 as text; what cannot be printed as C writes it (`\n`, `\001`), what is no UTF-8 as `�`."""
    text = data.decode("utf-8", "replace")
    return text if text.isprintable() else text.translate(_ESCAPES)
