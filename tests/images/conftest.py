"""What the tests of images share: contexts, a layout, a real registry, a base image with a shell."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.tools import machine_root, tool
from tests.support.waiting import eventually

from drydock.embedded.instance import free_port
from drydock.images import Image, Layout, build

Build = Callable[..., Image]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    directory = tmp_path / "context"
    directory.mkdir()
    return directory


@pytest.fixture
def said() -> list[str]:
    """What builds have said, line by line."""
    return []


@pytest.fixture
def make(context: Path, layout: Layout, said: list[str]) -> Build:
    """make(dockerfile, {path: content}, …) writes a context and builds it."""

    def make(dockerfile: str, files: dict[str, str | bytes] | None = None, **options: Any) -> Image:
        for path, content in {"Dockerfile": dockerfile, **(files or {})}.items():
            file = context / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return build(context, **{"layout": layout, "output": said.append, **options})

    return make


@pytest.fixture
def shell_base(tmp_path: Path, layout: Layout) -> str:
    """The name of a base image that really has /bin/sh and /bin/rm: this machine's, with the libraries it needs."""
    root = tmp_path / "shell"
    machine_root(root / "root", "/bin/sh", "/bin/rm")
    (root / "Dockerfile").write_text("FROM scratch\nCOPY root /\n")
    build(root, tags=["shell:1"], layout=layout, output=lambda line: None)
    return "shell:1"


@pytest.fixture(scope="module")
def serve_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """serve_registry(more configuration) runs Debian's docker-registry on loopback and gives `host:port`."""

    @contextmanager
    def serve(more: str = "") -> Iterator[str]:
        tool("docker-registry")
        directory = tmp_path_factory.mktemp("registry")
        host = f"127.0.0.1:{free_port()}"
        config = directory / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'}}\n"
            f"storage: {{filesystem: {{rootdirectory: '{directory}/data'}}}}\n{more}"
        )
        with (directory / "log").open("w") as log:
            process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
        try:
            eventually(lambda: _answers(host) or process.poll() is not None, "docker-registry answers")
            assert process.poll() is None, (directory / "log").read_text()
            yield host
        finally:
            process.terminate()
            process.wait(10)

    return serve


@pytest.fixture(scope="module")
def registry(serve_registry: Callable[..., Any]) -> Iterator[str]:
    """`host:port` of a docker-registry that is open to all."""
    with serve_registry() as host:
        yield host


def _answers(host: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return True
