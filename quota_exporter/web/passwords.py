"""Whether somebody may come in: HTTP's basic authentication against bcrypt hashes."""

import asyncio
import binascii
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

MOST_VERDICTS = 100
"""Verdicts that are remembered, as many as exporter-toolkit does."""


def matches(password: bytes, hashed: bytes) -> bool:
    """Whether a bcrypt hash is that of a password; as everywhere, bcrypt looks at 72 bytes."""
    import bcrypt

    return bcrypt.checkpw(password[:72], hashed)


class Passwords:
    """Knows whom it let in before, since bcrypt takes a good part of a second by design."""

    def __init__(self, check: Callable[[bytes, bytes], bool] = matches) -> None:
        """Starts knowing nobody.

        Args:
            check: Whether a password, the first, is that of a hash; called in a thread, one call at a time.
        """
        self._check = check
        self._verdicts: dict[bytes, bool] = {}
        # Passwords are not kept, only what nobody can compute outside of this process.
        self._salt = secrets.token_bytes(32)
        # One thread of our own: who guesses passwords takes one core at most, and never the threads that resolve names.
        self._thread = ThreadPoolExecutor(1, "passwords")

    async def admits(self, authorization: str, users: Mapping[str, str]) -> bool:
        """Whether a header `Authorization` names a user and the right password.

        Args:
            authorization: The header's value; empty if there was none.
            users: Names and bcrypt hashes; at least one.
        """
        given = _credentials(authorization)
        if given is None:
            return False
        name, password = given
        known = users.get(name)
        verdict_of = blake2b(repr((name, known, password)).encode(), key=self._salt).digest()
        if (verdict := self._verdicts.get(verdict_of)) is None:
            # An unknown name takes as long as a known one, so that nobody learns which there are.
            hashed = known or max(users.values(), key=_cost)
            loop = asyncio.get_running_loop()
            matched = await loop.run_in_executor(self._thread, self._check, password, hashed.encode())
            verdict = matched and known is not None
            self._remember(verdict_of, verdict)
        return verdict

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _remember(self, verdict_of: bytes, verdict: bool) -> None:
        if len(self._verdicts) >= MOST_VERDICTS:
            # Refusals are forgotten first: who guesses must not make those wait who know.
            oldest = next(iter(self._verdicts))
            del self._verdicts[next((key for key, admitted in self._verdicts.items() if not admitted), oldest)]
        self._verdicts[verdict_of] = verdict


def _cost(hashed: str) -> int:
    return int(hashed[4:6])


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = b64decode(encoded, validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
