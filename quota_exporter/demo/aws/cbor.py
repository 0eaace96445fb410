"""CBOR, as far as the protocol `smithy-rpc-v2-cbor` of CloudWatch uses it (RFC 8949)."""

import struct
from datetime import UTC, datetime
from typing import Any

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
"""Major types."""

INDEFINITE = 31
BREAK = 0xFF
SIMPLES: dict[int, bool | None] = {20: False, 21: True, 22: None, 23: None}
FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def encode(value: Any) -> bytes:
    """Bytes of a value made of dicts, lists, texts, bytes, numbers and times; members that are None are left out."""
    if value is None or isinstance(value, bool):
        return bytes([SIMPLE << 5 | {False: 20, True: 21, None: 22}[value]])
    if isinstance(value, int):
        return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
    if isinstance(value, float):
        return bytes([SIMPLE << 5 | 27]) + struct.pack(">d", value)
    if isinstance(value, datetime):
        return _head(TAG, 1) + encode(value.timestamp())
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return _head(TEXT, len(raw)) + raw
    if isinstance(value, dict):
        members = {key: member for key, member in value.items() if member is not None}
        return _head(MAP, len(members)) + b"".join(encode(key) + encode(member) for key, member in members.items())
    return _head(ARRAY, len(value)) + b"".join(encode(item) for item in value)


def decode(raw: bytes) -> Any:
    """The value of the bytes; times are aware datetimes. ValueError where the bytes are no CBOR."""
    try:
        value, end = _item(raw, 0)
    except (IndexError, struct.error, KeyError, RecursionError) as error:
        raise ValueError(f"no CBOR: {error!r}") from error
    if end != len(raw):
        raise ValueError(f"no CBOR: {len(raw) - end} bytes too many")
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + number.to_bytes(size, "big")
    raise ValueError(f"{number} does not fit into 64 bits")


def _item(raw: bytes, at: int) -> tuple[Any, int]:
    major, extra = raw[at] >> 5, raw[at] & 31
    at += 1
    if major == SIMPLE:
        if extra in FLOATS:
            size = struct.calcsize(FLOATS[extra])
            return struct.unpack(FLOATS[extra], raw[at : at + size])[0], at + size
        return SIMPLES[extra], at
    if extra == INDEFINITE:
        return _indefinite(raw, at, major)
    size = {24: 1, 25: 2, 26: 4, 27: 8}[extra] if extra >= 24 else 0
    number = int.from_bytes(raw[at : at + size], "big") if size else extra
    return _of_length(raw, at + size, major, number)


def _of_length(raw: bytes, at: int, major: int, number: int) -> tuple[Any, int]:
    if major in (UNSIGNED, NEGATIVE):
        return (number if major == UNSIGNED else -1 - number), at
    if major in (BYTES, TEXT):
        part = raw[at : at + number]
        if len(part) < number:
            raise IndexError("cut")
        return (part if major == BYTES else part.decode()), at + number
    if major == TAG:
        value, at = _item(raw, at)
        return (datetime.fromtimestamp(value, UTC) if number == 1 else value), at
    items = []
    for _ in range(number * (2 if major == MAP else 1)):
        value, at = _item(raw, at)
        items.append(value)
    return (_pairs(items) if major == MAP else items), at


def _indefinite(raw: bytes, at: int, major: int) -> tuple[Any, int]:
    items = []
    while raw[at] != BREAK:
        value, at = _item(raw, at)
        items.append(value)
    if major == MAP:
        return _pairs(items), at + 1
    if major in (BYTES, TEXT):
        return (b"" if major == BYTES else "").join(items), at + 1
    return items, at + 1


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))
