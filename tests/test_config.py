"""The configuration file: every mistake told, with its line, in words that say how to mend it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quota_exporter.config import Config, from_environment, load
from quota_exporter.errors import ConfigError
from quota_exporter.providers import PROVIDERS
from quota_exporter.settings import Section

FOLDER = Path(__file__).parent / "configs"
BAD = sorted(FOLDER.glob("*.bad.yaml"))
GOOD = sorted(FOLDER.glob("*.ok.yaml"))
ENVIRON = {"CLUSTER": "production", "PROXY": "http://user:s3cret@proxy:3128", "WORD": "s3cret"}


def mistakes(path: Path) -> str:
    """What is told of a file, with its bare name."""
    with pytest.raises(ConfigError) as told:
        load(path, ENVIRON)
    return str(told.value).replace(str(path), path.name)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_bad(path: Path) -> None:
    """A bad file is told with exactly these words; no value that may be a secret is among them."""
    found = mistakes(path)

    assert found == path.with_suffix(".txt").read_text().rstrip("\n")
    assert "s3cret" not in found


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good(path: Path) -> None:
    """A good file is read."""
    config = load(path, ENVIRON)

    assert list(config.entries())


def test_expanded() -> None:
    """Variables of the environment are put in, defaults too; durations are seconds and sizes bytes."""
    config = load(FOLDER / "full.ok.yaml", ENVIRON)

    ((_, entry), _) = config.entries()
    assert entry.label == "production"
    assert entry.sources["apiserver"].interval == 90
    assert getattr(entry, "etcd_quota") == 8 * 2**30  # noqa: B009 - of this provider only
    assert getattr(config, "max_age") == 5400  # noqa: B009 - made from the providers' models


def test_merged() -> None:
    """What is written out goes before what `<<` brings in."""
    first, second = (entry for _, entry in load(FOLDER / "merged.ok.yaml", ENVIRON).entries())

    assert (first.label, second.label) == ("production", "staging")
    assert getattr(second, "etcd_quota") == 8 * 2**30  # noqa: B009 - of this provider only
    assert {name: source.enabled for name, source in second.sources.items()} == {"pods": False, "nodes": False}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\xff\xfe\x00", "not YAML"),
        (b"a: " + b"[" * 1000, "not YAML|nested too deeply"),
        (b"#" * (1 << 20) + b"##", "larger than 1 MiB"),
        (b"", "nothing to poll"),
        (b"kubernetes:\n", "kubernetes"),
    ],
)
def test_no_text(raw: bytes, words: str, tmp_path: Path) -> None:
    """What is hardly a text gets one clear sentence."""
    path = tmp_path / "config.yaml"
    path.write_bytes(raw)

    assert any(word in mistakes(path) for word in words.split("|"))


@pytest.mark.parametrize(("first", "form"), [("[x]", "[{}]"), ("{x: y}", "{{<<: [{}]}}")], ids=["lists", "merges"])
def test_bomb(first: str, form: str, tmp_path: Path) -> None:
    """Aliases of aliases of aliases do not eat the memory."""
    path = tmp_path / "config.yaml"
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} {form.format(', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, 10)]
    path.write_text("\n".join(lines))

    assert "aliases within aliases" in mistakes(path)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None], ids=["a folder", "nothing"])
def test_no_file(make: object, tmp_path: Path) -> None:
    """What is no file is said to be none."""
    path = tmp_path / "config.yaml"
    make(path)  # type: ignore[operator]

    assert mistakes(path).startswith("config.yaml: cannot be read: ")


PIECES = """
kubernetes name sources etcd_quota : - ? { } [ ] , &a *a << !!int !!bool !!null !!timestamp !!map !!seq !!set !x | > # --- = 5
0x_ .inf 1e9 yes ~ 2001-99-99 0001-01-01T00:00:00+23:59 "\\ud800" "\\UFFFFFFFF" %YAML ${WORD} ' "
"""
"""What YAML is made of, to be put together in any way."""


def yaml_like() -> st.SearchStrategy[bytes]:
    """Texts that are nearly YAML."""
    pieces = st.lists(st.sampled_from([*PIECES.split(), "\n", "\n  ", " "]), max_size=20).map(" ".join)
    return pieces.map(lambda text: text.encode())


@settings(max_examples=400, deadline=None)
@given(st.one_of(yaml_like(), st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
@example(b"kubernetes: !!python/object/apply:os.system [true]")
@example(b"? [1]\n: 2")
@example(b"kubernetes: [{name: &a [*a]}]")
@example(b"<<: 5")
@example(b"a: 2001-99-99")
@example(b"&a {<<: *a}")
@example(b"a: !!bool maybe")
@example(b"a: !!int ''")
@example(b"a: !!timestamp x")
@example(b'"\\ud800": "\\udfff"')
@example(b'a: "\\UFFFFFFFF"')
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Whatever is in the file, it is read or refused with words."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)

    with contextlib.suppress(ConfigError):
        load(path, ENVIRON)


def test_schema() -> None:
    """Editors get a JSON Schema in which every key is described."""
    described = 0
    todo: list[type[Section]] = [Section]
    while todo:
        model = todo.pop()
        todo += model.__subclasses__()
        for name, field in model.model_fields.items():
            if name not in {provider.name for provider in PROVIDERS}:
                assert field.description, f"{model.__name__}.{name}"
                described += 1

    assert Config.model_json_schema()["additionalProperties"] is False
    assert described > 20


def test_command() -> None:
    """`check-config` tells all mistakes and ends with 1, or says what would be polled and ends with 0."""
    command = [sys.executable, "-m", "quota_exporter", "check-config"]

    bad = subprocess.run([*command, str(FOLDER / "many.bad.yaml")], capture_output=True, text=True, check=False)
    good = subprocess.run([*command, str(FOLDER / "small.ok.yaml")], capture_output=True, text=True, check=False)

    assert bad.returncode == 1
    assert bad.stderr.count("many.bad.yaml:") == 5
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("small.ok.yaml: good, 1 entry\n")


def test_environment(tmp_path: Path) -> None:
    """Without a file, what the environment offers is polled."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump({"current-context": "x"}))

    script = "from quota_exporter.config import *; print([str(e.label) for _, e in from_environment().entries()])"
    environ = {"KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)

    assert found.stdout == f"['{kubeconfig}:current-context']\n"
    assert callable(from_environment)
