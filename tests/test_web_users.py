"""Users of `--web.config.file`: real bcrypt, and users that change while it runs."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from quota_exporter.web.passwords import MOST_VERDICTS, Passwords, matches
from tests.protected import HASH, USER, basic, get, hashed, serving, written
from tests.test_web_config import PATHS


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_every_path_needs_a_user(method: str, tmp_path: Path) -> None:
    """Without a user nothing is told, not even which paths there are."""
    path = written(tmp_path, f"basic_auth_users: {{alice: {hashed('secret')}}}")

    async with serving(path) as url:
        found = [await get(url + path, method=method) for path in PATHS]

    assert {status for status, _ in found} == {401}
    assert {headers["WWW-Authenticate"] for _, headers in found} == {'Basic realm="quota-exporter", charset="UTF-8"'}


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (basic("alice", "correct horse"), 200),
        (basic("alice", "correct horse").replace("Basic", "bAsIc"), 200),
        (basic("älice", "p:ß"), 200),
        (basic("long", "x" * 72), 200),
        (basic("long", "x" * 100), 200),
        (basic("long", "x" * 71), 401),
        (basic("alice", "correct"), 401),
        (basic("alice", ""), 401),
        (basic("alice", "correct horse\0"), 401),
        (basic("Alice", "correct horse"), 401),
        (basic("", ""), 401),
        ("Basic", 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"alice").decode(), 401),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), 401),
        ("Bearer " + base64.b64encode(b"alice:correct horse").decode(), 401),
    ],
)
async def test_password(authorization: str, status: int, tmp_path: Path) -> None:
    """A user with the right password comes in, and nobody else; hashes may come from any tool."""
    users = f"basic_auth_users: {{alice: {HASH}, älice: {hashed('p:ß')}, long: {hashed('x' * 72)}}}"

    async with serving(written(tmp_path, users)) as url:
        found = [(await get(f"{url}/-/healthy", authorization=authorization))[0] for _ in range(2)]

    assert found == [status, status]


class Counting:
    """bcrypt, and the hashes that it was asked about."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        """Whether a hash is that of a password."""
        self.hashes.append(hashed)
        return matches(password, hashed)


@pytest.fixture
def counting() -> Counting:
    """bcrypt, counted."""
    return Counting()


@pytest.fixture
def passwords(counting: Counting) -> Iterator[Passwords]:
    """What remembers verdicts."""
    passwords = Passwords(counting)
    yield passwords
    passwords.close()


async def test_verdicts_are_remembered(passwords: Passwords, counting: Counting) -> None:
    """The hash is computed one time for each user, hash and password."""
    users = {"alice": hashed("secret"), "bob": hashed("secret")}
    asked = [("alice", "secret"), ("alice", "wrong"), ("bob", "secret"), ("carol", "secret")]

    found = [[await passwords.admits(basic(*pair), users) for pair in asked] for _ in range(3)]
    changed = await passwords.admits(basic("alice", "secret"), users | {"alice": hashed("new")})

    assert found == [[True, False, True, False]] * 3
    assert not changed
    assert len(counting.hashes) == 5


async def test_unknown_users_cost_the_same(passwords: Passwords, counting: Counting) -> None:
    """For a name that there is not, bcrypt works as long as for the costliest that there is; its password opens nothing."""
    users = {"alice": hashed("secret", 4), "bob": hashed("secret", 5)}

    found = [await passwords.admits(basic(name, "secret"), users) for name in ("bob", "nobody")]

    assert found == [True, False]
    assert [hashed[:7] for hashed in counting.hashes] == [b"$2b$05$", b"$2b$05$"]


async def test_guessing_makes_nobody_forgotten(passwords: Passwords, counting: Counting) -> None:
    """However many guesses there are, who knows the password is remembered; memory does not grow."""
    users = {"alice": hashed("secret")}
    await passwords.admits(basic("alice", "secret"), users)
    for number in range(MOST_VERDICTS + 5):
        await passwords.admits(basic("alice", f"guess {number}"), users)
    asked = len(counting.hashes)

    assert await passwords.admits(basic("alice", "secret"), users)
    assert len(counting.hashes) == asked


async def test_users_change(tmp_path: Path) -> None:
    """Users are added and removed, and passwords changed, without a restart."""
    path = written(tmp_path, f"basic_auth_users: {{alice: {hashed('one')}}}")
    asked = [basic("alice", "one"), basic("alice", "two"), basic("bob", "three")]

    async with serving(path) as url:
        before = [(await get(url, authorization=authorization))[0] for authorization in asked]
        written(tmp_path, f"basic_auth_users: {{alice: {hashed('two')}, bob: {hashed('three')}}}")
        between = [(await get(url, authorization=authorization))[0] for authorization in asked]
        written(tmp_path, f"basic_auth_users: {{bob: {hashed('three')}}}")
        after = [(await get(url, authorization=authorization))[0] for authorization in asked]

    assert (before, between, after) == ([200, 401, 401], [401, 200, 200], [401, 401, 200])


async def test_first_user(tmp_path: Path) -> None:
    """A first user can be added while it runs."""
    path = written(tmp_path, "")

    async with serving(path) as url:
        before = await get(url)
        written(tmp_path, USER)
        after = await get(url)

    assert (before[0], after[0]) == (200, 401)
