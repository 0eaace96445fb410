"""Credentials from a program, as the kubeconfigs of EKS, GKE and AKS have them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quota_exporter.errors import ExpiredCredentials, TimedOut
from quota_exporter.providers.kubernetes.auth import Identity

TIME_LIMIT = 20.0
EARLY = 30.0
"""Seconds before its end at which a credential is fetched anew."""


@dataclass(slots=True)
class ExecPlugin:
    """Runs a program when there is no credential or the one there is ends; callers at the same time share one run.

    Attributes:
        command: The program and its arguments, which may be secrets; never given to a shell.
        environ: Variables beside our own.
        info: What the program is told of the cluster, as ExecCredential.
        install_hint: Shown where the program is not installed.
        clock: Seconds since 1970.
    """

    command: tuple[str, ...] = field(repr=False)
    environ: dict[str, str] = field(repr=False)
    info: dict[str, Any] = field(repr=False)
    install_hint: str = ""
    clock: Callable[[], float] = time.time
    _identity: Identity | None = None
    _ends: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def identity(self) -> Identity:
        """The program's identity.

        Raises:
            ExpiredCredentials: The program gave none; its own first words are in the message.
            TimedOut: It did not end in time.
        """
        async with self._lock:
            if self._identity is None or self.clock() >= self._ends - EARLY:
                self._identity, self._ends = self._read(await self._run())
            return self._identity

    def renew(self, refused: Identity) -> None:
        """Runs the program again the next time; once, however many callers were refused."""
        if self._identity is refused:
            self._identity = None

    async def _run(self) -> bytes:
        environ = {**os.environ, **self.environ, "KUBERNETES_EXEC_INFO": json.dumps(self.info, default=str)}
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environ
            )
        except (OSError, ValueError) as error:
            hint = f"; {self.install_hint}" if self.install_hint else ""
            raise self._failure(f"cannot be run: {getattr(error, 'strerror', None) or error}{hint}") from None
        try:
            async with asyncio.timeout(TIME_LIMIT):
                out, err = await process.communicate()
        except TimeoutError:
            raise TimedOut(f"not done within {TIME_LIMIT:g} s", operation=self.command[0]) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            words = err.decode("utf-8", "replace").strip().split("\n")[0][:200]
            raise self._failure(f"ended with {process.returncode}: {words or 'no message'}")
        return out

    def _read(self, out: bytes) -> tuple[Identity, float]:
        """The identity of an ExecCredential, and when it ends; without an end it is good until it is refused."""
        try:
            status = json.loads(out)["status"]
            token, end = status.get("token"), status.get("expirationTimestamp")
            certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
            ends = datetime.fromisoformat(end).timestamp() if end else float("inf")
            pair = (certificate.encode(), key.encode()) if certificate and key else None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # What was printed may be a secret: it is not shown.
            raise self._failure("printed no ExecCredential with a status") from None
        if not token and pair is None:
            raise self._failure("gave neither a token nor a certificate with its key")
        return Identity(f"Bearer {token}" if token else None, pair), ends

    def _failure(self, words: str) -> ExpiredCredentials:
        return ExpiredCredentials(words, operation=self.command[0])
