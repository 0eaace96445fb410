"""How a process of the benchmark is told what to do: a line in, a line of JSON out. It ends when nobody is left to tell it."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

Command = Callable[..., Any]


def tell(answer: Any) -> None:
    """Answers."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def obey(commands: Mapping[str, Command]) -> None:
    """Does what it is told; blocks meanwhile."""
    for line in sys.stdin:
        name, *args = line.split()
        tell(commands[name](*map(float, args)))


async def obey_meanwhile(commands: Mapping[str, Command]) -> None:
    """Does what it is told while other tasks run."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        name, *args = line.split()
        tell(commands[name](*map(float, args)))
