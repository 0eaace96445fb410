"""What the project promises of itself: floors, sizes, documents and permissions that agree with the code."""

import ast
import graphlib
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

from quota_exporter import families
from quota_exporter.cli.main import parser
from quota_exporter.config import load
from quota_exporter.families import FAMILIES, Family
from quota_exporter.providers import PROVIDERS
from tests.conftest import needs
from tests.documents import README, filled

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "quota_exporter"
FILES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))

FLOORS = (
    ("model", "families", "source", "settings", "budget", "errors", "crc", "yaml_file", "proxies", "shared"),
    ("providers",),
    ("config", "exposition", "snapshot", "tally", "account", "rendering", "board", "own", "overview"),
    ("web", "poller", "plan"),
    ("demo",),
    ("cli", "__main__"),
)
"""The first names of modules, from the ground up."""

MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 40
MOST_POSITIONAL = 5


def tree(path: Path) -> ast.Module:
    """A file as Python reads it."""
    return ast.parse((ROOT / path).read_text())


def module(path: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, wherever it does so."""
    names = {module(file) for file in FILES}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                found = f"{node.module}.{alias.name}"
                if (name := found if found in names else node.module).startswith("quota_exporter"):
                    yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("quota_exporter"))


def floor(name: str) -> int:
    """The floor that a module is on; 0 for the package itself, which everybody may import."""
    first = name.removeprefix("quota_exporter").removeprefix(".").partition(".")[0]
    return next(number for number, names in enumerate((("",), *FLOORS)) if first in names)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_only_down(path: Path) -> None:
    """No file imports from a floor above its own."""
    above = [name for name in imported(path) if floor(name) > floor(module(path))]

    assert above == []


def test_no_import_goes_in_circles() -> None:
    """The modules can be put in an order in which each needs only earlier ones, also where an import stands in a function."""
    graph = {module(path): set(imported(path)) - {module(path)} for path in FILES}

    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=str)
def test_sizes(path: Path) -> None:
    """Files and functions stay short enough to be read at a sitting, and take few positional arguments."""
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    assert len((ROOT / path).read_text().splitlines()) <= MOST_LINES
    for function in functions:
        assert (function.end_lineno or 0) - function.lineno < MOST_LINES_OF_A_FUNCTION, function.name
        assert len(function.args.posonlyargs + function.args.args) <= MOST_POSITIONAL + 1, function.name


def test_one_broad_except() -> None:
    """Only the poller catches everything: there a bug of a source becomes a failed poll."""
    broad = [
        str(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    ]

    assert broad == ["quota_exporter/poller.py"]


def test_every_family_is_listed() -> None:
    """No family is made without being in the list of all, and no name stands twice, here or anywhere in the code."""
    made = {value.name for value in vars(families).values() if isinstance(value, Family)}
    names = [family.name for family in FAMILIES]
    text = "".join((ROOT / path).read_text() for path in FILES)

    assert made == set(names)
    assert len(names) == len(made)
    assert {name: text.count(f'"{name}"') for name in names} == dict.fromkeys(names, 1)


def test_readme_is_made_from_the_code() -> None:
    """The tables of metrics, sources and settings are what the code says; `BLESS=1` writes them anew."""
    text = README.read_text()

    if os.environ.get("BLESS"):
        README.write_text(filled(text))
    assert README.read_text() == filled(text)


def test_readme_names_every_command_and_flag() -> None:
    """Every sub-command and flag is in the README, and no flag that there is not."""
    text = README.read_text()
    actions = parser()._subparsers._group_actions  # type: ignore[union-attr]
    commands = {name: command for action in actions for name, command in (action.choices or {}).items()}  # type: ignore[union-attr]
    flags = set(chain.from_iterable(a.option_strings for c in commands.values() for a in c._actions)) - {"-h", "--help"}

    assert [name for name in commands if f"quota-exporter {name}" not in text] == []
    assert [flag for flag in flags if f"`{flag}" not in text] == []
    assert set(re.findall(r"--(?:web|log|config)\.[\w.-]+", text)) <= flags


def test_configurations_of_the_readme_are_good(tmp_path: Path) -> None:
    """Whoever copies one has no mistake in it."""
    names = {provider.name for provider in PROVIDERS}
    found = [text for text in re.findall(r"(?s)```yaml\n(.*?)```", README.read_text()) if names & yaml.safe_load(text).keys()]

    polled = set()
    for text in found:
        (tmp_path / "config.yaml").write_text(text)
        polled |= {provider.name for provider, _ in load(tmp_path / "config.yaml", {"EXTERNAL_ID": "secret"}).entries()}
    assert polled == names


def permission(verb: str, resource: str, group: str) -> str:
    """A permission as sources name it."""
    return f"{verb} {resource}.{group}" if group else f"{verb} {resource}"


def test_roles_are_what_the_sources_need() -> None:
    """The shipped ClusterRole and Role allow exactly what the sources ask for, and reading the cluster's UID; nothing writes."""
    documents = yaml.safe_load_all((ROOT / "deploy/kustomize/base/rbac.yaml").read_text())
    rules = [rule for document in documents if document["kind"] in ("ClusterRole", "Role") for rule in document["rules"]]
    granted = {
        permission(verb, resource, group)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", [""])
        for resource in (*rule.get("resources", ()), *rule.get("nonResourceURLs", ()))
    }
    asked = {need.partition(" (")[0] for p in PROVIDERS if p.name == "kubernetes" for s in p.sources for need in s.permissions}

    assert granted == asked | {"get namespaces"}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}


@needs("git")
def test_worked_diffs_apply() -> None:
    """The diffs of CONTRIBUTING.md fit the code as it is."""
    diffs = re.findall(r"(?s)```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text())

    checked = [
        subprocess.run(["git", "apply", "--check", "-"], input=diff, cwd=ROOT, capture_output=True, text=True, check=False)
        for diff in diffs
    ]

    assert [check.stderr for check in checked] == ["", "", ""]
