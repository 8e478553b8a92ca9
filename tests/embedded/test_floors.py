"""Who may know whom, where import-linter's contracts cannot say it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import drydock.embedded.services
from drydock.embedded.assembly import AWS, SERVICES
from drydock.embedded.core.services import Service, Services

FLOORS = Path(drydock.embedded.services.__file__).parents[1]
SHARED = {"moto.core", "moto.moto_api", "moto.utilities"}
"""What is no service's of moto."""
ANY_SERVICE = {*(service.name for service in SERVICES), "elb", "kms", "acm", "route53", "s3", "sns", "ssm"} - {"ec2"}


def parsed(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((FLOORS / folder).rglob("*.py")):
        yield path, ast.parse(path.read_text())


def of_moto(tree: ast.Module) -> Iterator[str]:
    """The modules of moto that are imported anywhere in a module, no deeper than a service's."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module] if node.module != "moto" else [f"moto.{alias.name}" for alias in node.names]
        yield from (".".join(name.split(".")[:2]) for name in names if name.split(".")[0] == "moto")


def test_no_circle_of_imports() -> None:
    """Of imports within functions and for types, too. CycleError names the circle."""
    graph = grimp.build_graph("drydock", cache_dir=None)
    TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_a_service_imports_of_moto_only_what_is_its_own(service: str) -> None:
    known = {*SHARED, f"moto.{service}"}
    wrong = {f"{path.name}: {name}" for path, tree in parsed(f"services/{service}") for name in of_moto(tree)
             if name not in known}  # fmt: skip
    assert not wrong, "other services are reached by calls, or by Host.backend"


def test_core_imports_no_service_of_moto() -> None:
    wrong = {f"{path.name}: {name}" for path, tree in parsed("core") for name in of_moto(tree)
             if name not in {*SHARED, "moto.backends", "moto.moto_server"}}  # fmt: skip
    assert not wrong


def test_core_and_carriers_name_no_service() -> None:
    """But for ec2: a protocol is called so, and the carrier of DNS serves VPCs."""
    wrong = {
        f"{path.name}:{node.lineno}: {node.value}"
        for folder in ("core", "carriers")
        for path, tree in parsed(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in ANY_SERVICE
    }
    assert not wrong


def test_every_folder_of_a_service_is_assembled() -> None:
    folders = {path.parent.name for path in (FLOORS / "services").glob("*/__init__.py")}
    assert folders == {service.name for service in SERVICES}


def test_a_process_has_one_embedded_aws_at_a_time(tmp_path: Path) -> None:
    first = AWS(tmp_path / "first")
    try:
        with pytest.raises(RuntimeError, match=str(tmp_path / "first")):
            AWS(tmp_path / "second")
    finally:
        first.close()
    AWS(tmp_path / "second").close()


class Counted(Service):
    """A service that can be installed at the second attempt, and only then be counted."""

    name = "counted"
    counts = ("things",)
    attempts = 0

    def install(self) -> None:
        self.seen = self.services.count()
        self.attempts += 1
        if self.attempts < 2:
            raise ImportError("a package is not there yet")

    def count(self) -> dict[str, int]:
        return {"things": self.attempts}

    services: Services


def test_a_service_counts_once_it_is_installed_and_is_installed_again_after_a_failure(tmp_path: Path) -> None:
    host = AWS(tmp_path / "aws")
    try:
        services = Services(host, [Counted])
        counted = services.of("counted")
        assert isinstance(counted, Counted)
        counted.services = services
        with pytest.raises(ImportError):
            services.install("counted")
        for _ in range(2):
            services.install("counted")
        assert (counted.attempts, counted.seen, services.count()) == (2, {"things": 0}, {"things": 2})
    finally:
        host.close()


def test_only_the_runtime_of_processes_knows_process_groups() -> None:
    its_own = {"process.py", "spawner.py", "spawner_main.py"}
    words = {"killpg", "getpgid", "kill_group"}
    wrong = {
        f"{path.name}:{node.lineno}"
        for path, tree in parsed(".")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in words
        if not (path.parent.name == "runtime" and path.name in its_own)
    }
    assert not wrong
