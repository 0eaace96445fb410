"""Combining CRCs without the texts, in pure Python: zlib's crc32_combine, which Python's zlib lacks.

https://github.com/madler/zlib/blob/develop/crc32.c
"""

from functools import lru_cache


def _multiply(a: int, b: int) -> int:
    """Product of two polynomials over GF(2) modulo CRC-32's, bits reflected."""
    product = 0
    bit = 1 << 31
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = (b >> 1) ^ 0xEDB88320 if b & 1 else b >> 1
    return product


@lru_cache(maxsize=1 << 16)
def _shift(length: int) -> int:
    """The polynomial x^(8·length): what appending as many bytes does to a CRC."""
    power, square = 1 << 31, 1 << 23
    while length:
        if length & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        length >>= 1
    return power


def combine(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two texts one after another, from the CRC of each and the bytes of the second."""
    return _multiply(_shift(second_length), first) ^ second
