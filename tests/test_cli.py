"""The command line as its users see it: exit codes, what is printed where, terminals, and log lines."""

import asyncio
import json
import logging
import os
import pty
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from quota_exporter import __version__
from quota_exporter.cli.main import COMMANDS, main, parser
from quota_exporter.cli.serve import addresses
from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.errors import ConfigError
from quota_exporter.providers import PROVIDERS

CONFIGS = Path(__file__).parent / "configs"
PODS = "/api/v1/pods"


class Ended(NamedTuple):
    """A command that ended."""

    code: int | None
    out: str
    err: str


@dataclass
class Shell:
    """Where commands are run: nothing in the environment but a home without anything in it."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    async def start(self, *words: str, out: int = asyncio.subprocess.PIPE, err: int = asyncio.subprocess.PIPE) -> Any:
        """Starts the exporter with these words."""
        environ = {"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "xterm", **self.environ}
        command = (sys.executable, "-m", "quota_exporter", *words)
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err, env=environ
        )

    async def run(self, *words: str) -> Ended:
        """Runs it to its end, its output into pipes."""
        process = await self.start(*words)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ended(process.returncode, out.decode(), err.decode())

    async def on_terminal(self, *words: str) -> Ended:
        """Runs it to its end, standard output and standard error each on a terminal of its own."""
        (out_ours, out), (err_ours, err) = pty.openpty(), pty.openpty()
        process = await self.start(*words, out=out, err=err)
        os.close(out)
        os.close(err)
        shown = await asyncio.gather(*(asyncio.to_thread(read, terminal) for terminal in (out_ours, err_ours)))
        return Ended(await process.wait(), *shown)


def read(terminal: int, until: bytes = b"\x04") -> str:
    """What is shown on a terminal, to the end or until something is."""
    shown = b""
    while until not in shown:
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:
            # So Linux says that nobody writes there any more.
            os.close(terminal)
            break
    return shown.decode()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell at a home without credentials."""
    (tmp_path / "home").mkdir()
    return Shell(tmp_path / "home")


@pytest.fixture
async def server() -> AsyncIterator[Apiserver]:
    """A cluster."""
    async with Apiserver() as running:
        yield running


@pytest.fixture
def config(server: Apiserver, tmp_path: Path) -> str:
    """The flag that names a configuration with that cluster."""
    entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(tmp_path)), "calls_per_second": 1000}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"kubernetes": [entry]}))
    return f"--config.file={tmp_path / 'config.yaml'}"


@pytest.fixture
def logging_kept() -> Iterator[None]:
    """Log lines go on as before after a command was run in this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


# Help and flags


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says what it does and explains each of its flags, and no default that is none."""
    with pytest.raises(SystemExit) as ended:
        main([*([command] if command else []), "--help"])

    shown = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert shown.startswith(f"usage: quota-exporter{' ' * bool(command)}{command} [-h]")
    assert (COMMANDS[command].SUMMARY if command else "exit codes: 0 done") in shown
    assert "None" not in shown
    assert shown.count("(default: ") == shown.count("default: ")


def test_every_flag_is_explained() -> None:
    """No flag and no argument is without help."""
    (commands,) = (action.choices for action in parser()._actions if isinstance(action.choices, dict))

    assert commands.keys() == COMMANDS.keys()
    assert [action.dest for command in commands.values() for action in command._actions if not action.help] == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` tells the version, and Python's."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert re.fullmatch(rf"quota-exporter {re.escape(__version__)} \(Python 3\.\d+\.\d+\S*\)\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nonsense"], "quota-exporter: error: unrecognized arguments: --nonsense"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["once", "--output=xml"], "argument --output: invalid choice: 'xml'"),
        (["once", "--config.file"], "argument --config.file: expected one argument"),
        (["once", "--log.level=loud"], "argument --log.level: invalid choice: 'loud'"),
        (["--log.format=xml"], "argument --log.format: invalid choice: 'xml'"),
        (["sources", "nonsense"], "invalid choice: 'nonsense'"),
        (["check-config"], "the following arguments are required: FILE"),
        (["policy"], "the following arguments are required: provider"),
        (["policy", "kubernetes"], "invalid choice: 'kubernetes'"),
    ],
)
def test_bad_flag(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A flag that is wrong is told with the usage and ends with 1: 2 would say that a target failed."""
    with pytest.raises(SystemExit) as ended:
        main(words)

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert err.startswith("usage: quota-exporter ")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--web.listen-address=10042"], "--web.listen-address '10042' is no address; write it like 127.0.0.1:10042"),
        (["--web.listen-address=127.0.0.1:0", "--web.listen-address=:x"], "--web.listen-address ':x' is no address"),
        (["serve", "--web.telemetry-path=metrics"], "--web.telemetry-path 'metrics' must start with /"),
        (["--web.telemetry-path=/{x}"], "--web.telemetry-path '/{x}' must"),
        (["--web.telemetry-path=/-/ready"], "--web.telemetry-path '/-/ready' is taken"),
        (["--config.file=/nowhere/x.yaml"], "/nowhere/x.yaml: cannot be read: No such file or directory"),
        (["once", "--config.file=/nowhere/x.yaml"], "/nowhere/x.yaml: cannot be read: No such file or directory"),
        (["check-config", "/nowhere/x.yaml"], "/nowhere/x.yaml: cannot be read: No such file or directory"),
        (["policy", "aws", "--config.file=/nowhere/x.yaml"], "/nowhere/x.yaml: cannot be read: No such file or directory"),
    ],
)
@pytest.mark.usefixtures("logging_kept")
def test_bad_value(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that cannot be used is told in one line, and ends with 1."""
    code = main(words)

    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith(f"quota-exporter: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":10042", (None, 10042)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_address(text: str, expected: tuple[str | None, int]) -> None:
    """Addresses are written as Prometheus writes them."""
    assert addresses([text]) == [expected]


@pytest.mark.parametrize("text", ["", ":", "10042", "localhost", "localhost:", ":65536", ":-1", ":http", "[::1]", "a:b:c"])
def test_no_address(text: str) -> None:
    """What is no address is refused with what one looks like."""
    with pytest.raises(ConfigError, match=re.escape(f"{text!r} is no address; write it like")):
        addresses([text])


async def test_port_taken(shell: Shell, config: str) -> None:
    """A port that somebody else listens on is told in a line, and ends with 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = await shell.run("serve", config, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")

    assert ended == (1, "", f"quota-exporter: cannot listen on 127.0.0.1:{port}: Address already in use\n")


async def test_no_host(shell: Shell, config: str) -> None:
    """What cannot be the name of a host cannot be listened on; that is a line too."""
    ended = await shell.run("serve", config, "--web.listen-address=a..b:1", "--log.level=error")

    assert ended == (1, "", "quota-exporter: cannot listen on a..b:1: no name of a host\n")


@pytest.mark.parametrize("command", ["once", "serve"])
async def test_no_credentials(command: str, shell: Shell) -> None:
    """Without a configuration and without credentials there is nothing to poll: told with where was looked, and 1."""
    ended = await shell.run(command)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("quota-exporter: nothing to poll: no --config.file is given, and the environment offers no ")
    looked = "(looked for a cluster's service account, $KUBECONFIG, ~/.kube/config, AWS_* variables and ~/.aws/credentials)"
    assert looked in ended.err
    assert ended.err.count("\n") == 1


async def test_credentials_of_the_environment(shell: Shell, server: Apiserver, tmp_path: Path) -> None:
    """Without a configuration, the kubeconfig that the environment names is polled, and that is said."""
    shell.environ["KUBECONFIG"] = str(server.kubeconfig(tmp_path))

    ended = await shell.run("once")

    assert ended.code == 0
    assert f"no --config.file is given; polling kubernetes: {tmp_path}/kubeconfig:current-context" in ended.err
    assert f'account="{server.uid}"' in ended.out


# sources and check-config


@pytest.mark.parametrize("words", [["sources"], *(["sources", provider.name] for provider in PROVIDERS)])
@pytest.mark.usefixtures("logging_kept")
def test_sources(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every source is listed with its interval, what it exports, and each permission that it needs."""
    code = main(words)

    blocks = re.split(r"(?m)^(?=\S)", capsys.readouterr().out)[1:]
    sources = {
        f"{p.name} {source.name}": source for p in PROVIDERS for source in p.sources if p.name in words[1:] or not words[1:]
    }
    assert code == 0
    assert [block.partition("\n")[0] for block in blocks] == list(sources)
    for block, source in zip(blocks, sources.values(), strict=True):
        assert f"    interval     {source.every:g} s" in block
        assert source.exports in block
        assert [permission for permission in source.permissions if f" {permission}\n" not in block] == []


@pytest.mark.usefixtures("logging_kept")
def test_check_good_config(capsys: pytest.CaptureFixture[str]) -> None:
    """A good file is told to be good, with what would be polled."""
    code = main(["check-config", str(CONFIGS / "small.ok.yaml")])

    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("kubernetes: ")
    assert out.endswith("small.ok.yaml: good, 1 entry\n")


@pytest.mark.usefixtures("logging_kept")
def test_check_bad_config(capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file is told on standard error, a line per mistake that an editor can jump to."""
    code = main(["check-config", str(CONFIGS / "many.bad.yaml")])

    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert len(err.splitlines()) > 1
    assert [line for line in err.splitlines() if not re.match(rf"{re.escape(str(CONFIGS))}/many\.bad\.yaml:\d+: ", line)] == []


def estimated(text: str) -> list[dict[str, list[str]]]:
    """The tables of an estimate, one per entry: cells by the first one of their line."""
    blocks = text.split("\n\n")[:-1]
    return [{cells[0]: cells[1:] for line in block.splitlines()[1:] if (cells := line.split())} for block in blocks]


def estimate(folder: Path, capsys: pytest.CaptureFixture[str], config: dict[str, Any]) -> str:
    """What is estimated for a configuration."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    code = main(["check-config", "--estimate", str(folder / "config.yaml")])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


@pytest.mark.usefixtures("logging_kept")
def test_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls and dollars a day of each source that is on, in the interval of the file, and for all accounts and regions in it."""
    sources = {"subnets": {"interval": "10m"}, "s3": {"enabled": False}, "api_requests": {"enabled": True}}
    accounts = {"ids": ["111111111111", "222222222222"], "role": "quota-exporter"}
    entry = {"name": "shop", "regions": ["eu-west-1", "us-east-1", "us-east-2"], "accounts": accounts, "sources": sources}

    out = estimate(tmp_path, capsys, {"aws": [entry], "kubernetes": [{"name": "prod"}]})

    aws, kubernetes = estimated(out)
    assert out.startswith("aws: shop (2 accounts, 3 regions)\n")
    # Two calls each 10 minutes, in three regions of two accounts.
    assert aws["subnets"] == ["600", "s", "288", "0.0000", "6", "1,728", "0.0000"]
    # Three metrics each 5 minutes, at 0.01 dollars for a thousand.
    assert (aws["rates"][3], aws["rates"][6]) == ("0.0086", "0.0518")
    assert aws["api_requests"] == ["300", "s", "576", "0.8640", "6", "3,456", "5.1840"]
    # Once per account; and once per account and in each region.
    assert (aws["iam"][4], aws["increase_requests"][2:6]) == ("2", ["96", "0.0000", "8", "768"])
    assert "s3" not in aws
    assert kubernetes["apiserver"] == ["60", "s", "1,440", "0.0000", "1", "1,440", "0.0000"]
    assert {name: cells[-1] for name, cells in kubernetes.items()} == dict.fromkeys(kubernetes, "0.0000") | {
        "SOURCE": "USD/DAY",
        "US": "0.00",
    }
    calls, usd = (float(cell.replace(",", "")) for cell in aws["total"])
    lines = [cells for cells in aws.values() if len(cells) == 7 and cells[1] == "s"]
    assert calls == pytest.approx(sum(float(cells[5].replace(",", "")) for cells in lines), abs=len(lines))
    assert usd == pytest.approx(sum(float(cells[6]) for cells in lines), abs=0.0001 * len(lines))
    assert float(aws["US"][-1]) == pytest.approx(30 * usd, abs=0.01)
    assert f"all entries, US dollars in 30 days: {aws['US'][-1]}\n" in out


@pytest.mark.usefixtures("logging_kept")
def test_estimate_is_straight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line of a table ends where its headings end."""
    out = estimate(tmp_path, capsys, {"aws": [{"discover": {"services": ["sagemaker"], "most": 100000}}]})

    header, *lines = [line for line in out.splitlines() if line.startswith("  ") and "US dollars" not in line]
    assert {len(line) for line in lines} == {len(header)}
    # 100,000 metrics each half hour.
    assert estimated(out)[0]["discovered"][3] == "48.0000"


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"organization": {"role": "r"}, "regions": ["eu-west-1", "eu-west-2"]}, "accounts of the organization, 2 regions"),
        ({"regions": "all"}, "1 account, all enabled regions"),
        ({"organization": {"role": "r"}, "regions": "all"}, "accounts of the organization, all enabled regions"),
    ],
)
@pytest.mark.usefixtures("logging_kept")
def test_estimate_of_what_nobody_knows(
    settings: dict[str, Any], where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where only AWS knows which accounts or regions there are, it is told for one of them, and not summed up with others."""
    out = estimate(tmp_path, capsys, {"aws": [{"name": "shop"} | settings], "kubernetes": [{"name": "prod"}]})

    aws, _ = estimated(out)
    assert out.startswith(f"aws: shop ({where})\n")
    assert [aws[name][4] for name in ("subnets", "iam", "increase_requests")] == ["1", "1", "2"]
    assert "\n  US dollars in 30 days, per account and region: " in out
    assert "all entries" not in out


# once


async def test_once(shell: Shell, config: str) -> None:
    """In a pipe, the metrics are printed; nothing failed, so the exit code is 0 and standard error is empty."""
    ended = await shell.run("once", config)

    names = {family.name for family in text_string_to_metric_families(ended.out)}
    assert (ended.code, ended.err) == (0, "")
    assert names >= {"quota_usage", "quota_limit", "quota_ceiling", "quota_info", "quota_exporter_poll_success"}


async def test_once_as_a_table(shell: Shell, config: str) -> None:
    """As a table, the fullest quotas come first, in columns that are straight."""
    ended = await shell.run("once", config, "--output=table")

    header, *lines = ended.out.splitlines()
    used = [int(line[: header.index("USED") + 4].strip().rstrip("%") or -1) for line in lines]
    assert (ended.code, ended.err) == (0, "")
    assert header.split() == ["USED", "USAGE", "LIMIT", "CEILING", "UNIT", "QUOTA", "RESOURCE", "TARGET"]
    assert used == sorted(used, reverse=True)
    assert used[0] > 0
    assert {line[header.index("TARGET") :] for line in lines} == {"kubernetes/prod/global"}


@pytest.mark.parametrize("output", ["table", "prometheus"])
async def test_once_with_a_failure(output: str, shell: Shell, server: Apiserver, config: str) -> None:
    """When one source is denied, that is told on standard error, the rest is printed, all of it plain, and the code is 2."""
    server.answers[PODS] = faults.denied("pods")

    ended = await shell.run("once", config, f"--output={output}")

    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert " WARNING pods of kubernetes/prod/global failed, denied: GET /api/v1/pods: " in line
    assert "(missing permission: list pods)" in line
    assert {"table": "cidr=10.96.0.0/24", "prometheus": 'quota_code="service-cidr-addresses"'}[output] in ended.out
    assert (ended.out + ended.err).replace("\n", "").isprintable()


async def test_once_with_nothing_there(shell: Shell, server: Apiserver, config: str) -> None:
    """When the cluster cannot be reached, nothing is printed but that, and the exit code is 2."""
    await server.stop()

    ended = await shell.run("once", config, "--output=table")

    assert ended.code == 2
    assert ended.out.split() == ["USED", "USAGE", "LIMIT", "CEILING", "UNIT", "QUOTA", "RESOURCE", "TARGET"]
    assert {re.sub(r".* failed, (\w+): .*", r"\1", line) for line in ended.err.splitlines()} == {"unreachable"}


async def test_hostile_table(shell: Shell, config: str, server: Apiserver) -> None:
    """Whatever things are called in a cluster, a row of the table is a line, and nothing in it steers the terminal."""
    strange = b"\xc3\xbc\xe2\x80\xa8\x1b[2J\\n\r\xc2\x9b31m"
    server.metrics = lambda: b'process_start_time_seconds 1\napiserver_resource_objects{group="",resource="' + strange + b'"} 7\n'
    shell.environ["PYTHONIOENCODING"] = "ascii"

    ended = await shell.run("once", config, "--output=table")

    (line,) = (line for line in ended.out.split("\n") if "type=" in line)
    assert r"type=\xfc\u2028\x1b[2J\n\r\x9b31m" in line
    assert ended.out.replace("\n", "").isprintable()


async def test_prometheus_is_utf_8(shell: Shell, config: str, server: Apiserver) -> None:
    """The metrics are UTF-8 on every system."""
    server.metrics = lambda: b'process_start_time_seconds 1\napiserver_resource_objects{group="",resource="\xc3\xbc"} 7\n'
    shell.environ["PYTHONIOENCODING"] = "ascii"

    ended = await shell.run("once", config)

    assert 'resource="type=ü"' in ended.out


@pytest.mark.parametrize("words", [["sources"], ["once", "--output=prometheus"]], ids=" ".join)
async def test_reader_has_enough(words: list[str], shell: Shell, config: str) -> None:
    """When nobody reads any more, as after `| head`, the command ends without a word, with the code of a broken pipe."""
    reader, writer = os.pipe()
    os.close(reader)

    process = await shell.start(*words, *([config] if words[0] == "once" else []), out=writer)
    os.close(writer)
    _, err = await process.communicate()

    assert (process.returncode, err) == (141, b"")


async def test_interrupted(shell: Shell, server: Apiserver, config: str) -> None:
    """Ctrl-C ends a poll that hangs, without a traceback, with the code of an interrupt."""
    asked = asyncio.Event()

    async def hangs(request: web.Request) -> web.StreamResponse:
        asked.set()
        return await faults.hangs(request)

    server.answers[PODS] = hangs
    process = await shell.start("once", config)
    await asyncio.wait_for(asked.wait(), 30)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)

    assert (process.returncode, out, err) == (130, b"", b"")


# Terminals


async def test_on_a_terminal(shell: Shell, server: Apiserver, config: str) -> None:
    """On a terminal a table is printed, what is nearly full and what failed in colours."""
    server.answers[PODS] = faults.denied("pods")

    ended = await shell.on_terminal("once", config)

    assert ended.code == 2
    assert "USED" in ended.out
    assert re.search(r"\x1b\[33m *8\d%  .*\x1b\[0m", ended.out)
    assert "\x1b[33mWARNING\x1b[0m pods of " in ended.err


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
async def test_no_colours(environ: dict[str, str], shell: Shell, server: Apiserver, config: str) -> None:
    """A terminal whose user wants no colours, or that has none, is shown none."""
    server.answers[PODS] = faults.denied("pods")
    shell.environ |= environ

    ended = await shell.on_terminal("once", config)

    assert " WARNING pods of " in ended.err
    assert re.search(r"\x1b\[[\d;]*m", ended.out + ended.err) is None
    assert "TERM" not in environ or "\x1b" not in ended.out + ended.err


async def test_progress(shell: Shell, server: Apiserver, config: str) -> None:
    """When it takes long, a terminal is shown how far the poll is, until it is done; a pipe is not."""
    slow = asyncio.Event()

    async def waits(request: web.Request) -> web.StreamResponse:
        await slow.wait()
        return await faults.denied("pods")(request)

    server.answers[PODS] = waits
    ours, terminal = pty.openpty()
    watched, piped = await shell.start("once", config, err=terminal), await shell.start("once", config)
    os.close(terminal)
    during = await asyncio.wait_for(asyncio.to_thread(read, ours, b"polled 6 of 7\r"), 60)
    slow.set()
    after, (out, _), (_, err) = await asyncio.gather(asyncio.to_thread(read, ours), watched.communicate(), piped.communicate())

    assert set(re.sub(r"polled \d of 7", "", during)) == {"\r"}
    assert after.endswith("\x1b[K")
    assert b"\r" not in out + err


# Log lines


@pytest.mark.parametrize("command", ["once", "serve"])
async def test_json_log(command: str, shell: Shell, server: Apiserver, config: str) -> None:
    """As JSON, every event is an object in a line; a failed poll has source, target, reason and permission as fields."""
    server.answers[PODS] = faults.denied("pods")

    process = await shell.start(
        command, config, "--log.format=json", *(["--web.listen-address=127.0.0.1:0"] * (command == "serve"))
    )
    while not (line := json.loads(await asyncio.wait_for(process.stderr.readline(), 60))).get("source"):
        assert line.keys() == {"time", "level", "message"}
    if command == "serve":
        process.terminate()
    await process.communicate()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("message").startswith("pods of kubernetes/prod/global failed, denied: ")
    target = {"source": "pods", "provider": "kubernetes", "account": "prod", "region": "global"}
    assert line == {**target, "level": "warning", "reason": "denied", "operation": f"GET {PODS}", "permission": "list pods"}


async def test_log_level(shell: Shell, server: Apiserver, config: str) -> None:
    """What is less important than asked for is not logged; the exit code tells of it all the same."""
    server.answers[PODS] = faults.denied("pods")

    ended = await shell.run("once", config, "--log.level=error")

    assert (ended.code, ended.err) == (2, "")
