"""A board that is filled with the fleet."""

from quota_exporter.board import Board
from tests.bench.data import job, readings

MAX_AGE = 900.0
SETTLED_TOGETHER = 50
"""Targets that are posted before the board is settled; the exporter asks as many per second when it starts."""

NOW = 1.7e9


def fill(board: Board, start: int, end: int, turn: int = 0) -> None:
    """Posts a poll of some targets, and renders it."""
    for number in range(start, end):
        if job(number) not in board.entries:
            board.add(job(number), MAX_AGE)
        board.post(job(number), readings(number, turn), (), NOW + turn)
        if number % SETTLED_TOGETHER == SETTLED_TOGETHER - 1:
            settle(board)
    settle(board)


def settle(board: Board) -> int:
    """Renders what changed; returns the number of steps."""
    return sum(1 for _ in board.settle())
