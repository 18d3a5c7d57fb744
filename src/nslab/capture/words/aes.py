"""AES with keys of 128 bits (FIPS 197), one block at a time: QUIC hides its first packets with a key that all know."""

from __future__ import annotations

from functools import cache
from struct import Struct

_WORDS = Struct("!4I")
Tables = tuple[list[int], list[int], list[int], list[int], list[int]]


@cache
def tables() -> Tables:
    """Return the substitution of bytes, and what a round does to the byte in each place of a column."""
    logarithm, power, value = [0] * 256, [0] * 256, 1
    for exponent in range(255):
        power[exponent], logarithm[value] = value, exponent
        value ^= value << 1 ^ (0x11B if value & 0x80 else 0)
    boxes = []
    for byte in range(256):
        inverse = power[(255 - logarithm[byte]) % 255] if byte else 0
        spread = inverse ^ inverse << 1 ^ inverse << 2 ^ inverse << 3 ^ inverse << 4
        boxes.append((spread ^ spread >> 8) & 0xFF ^ 0x63)
    columns = []
    for box in boxes:
        double = box << 1 ^ (0x11B if box & 0x80 else 0)
        columns.append(double << 24 | box << 16 | box << 8 | double ^ box)
    turned = [[(c >> shift | c << 32 - shift) & 0xFFFFFFFF for c in columns] for shift in (0, 8, 16, 24)]
    return boxes, *turned  # type: ignore[return-value]


class Aes:
    """A key, ready to encrypt blocks of 16 bytes.

    >>> Aes(bytes(16)).encrypt(bytes(16)).hex()
    '66e94bd4ef8a2c3b884cfa59ca342b2e'
    """

    def __init__(self, key: bytes) -> None:
        box, words, factor = tables()[0], list(_WORDS.unpack(key)), 1
        for number in range(4, 44):
            word = words[-1]
            if number % 4 == 0:
                word = box[word >> 16 & 255] << 24 | box[word >> 8 & 255] << 16 | box[word & 255] << 8 | box[word >> 24]
                word ^= factor << 24
                factor = factor << 1 ^ (0x11B if factor & 0x80 else 0)
            words.append(words[number - 4] ^ word)
        self._rounds = words

    def encrypt(self, block: bytes) -> bytes:
        """Return the block encrypted."""
        box, t0, t1, t2, t3 = tables()
        k = self._rounds
        state = [word ^ key for word, key in zip(_WORDS.unpack(block), k, strict=False)]
        for at in range(4, 40, 4):
            a, b, c, d = state
            state = [
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ k[at],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ k[at + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ k[at + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ k[at + 3],
            ]
        turned = state + state
        return _WORDS.pack(
            *(
                (box[w >> 24] << 24 | box[x >> 16 & 255] << 16 | box[y >> 8 & 255] << 8 | box[z & 255]) ^ key
                for w, x, y, z, key in zip(turned, turned[1:], turned[2:], turned[3:], k[40:], strict=False)
            )
        )

    def counted(self, nonce: bytes, data: bytes) -> bytes:
        """Return the data with the key stream of GCM taken off (NIST SP 800-38D); its tag is not checked."""
        stream = b"".join(
            self.encrypt(nonce + number.to_bytes(4, "big")) for number in range(2, 2 + (len(data) + 15) // 16)
        )
        whole = int.from_bytes(data, "big") ^ int.from_bytes(stream[: len(data)], "big")
        return whole.to_bytes(len(data), "big")
