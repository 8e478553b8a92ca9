"""Looking inside images, as a learner does who searches for a secret left in a layer."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.tools import tool

from drydock.images import Change, Image, ImageError, Layout, build

Build = Callable[..., Image]


def test_a_secret_that_a_later_layer_covers_is_still_in_its_own(make: Build) -> None:
    leaky = make(
        "FROM scratch\nCOPY .env src/app.py /srv/\nCOPY empty /srv/.env\n",
        {".env": "TOKEN=hush", "empty": "", "src/app.py": "print()"},
    )
    assert leaky.read("/srv/.env") == b""
    assert [layer.created_by for layer in leaky.layers] == ["COPY .env src/app.py /srv/", "COPY empty /srv/.env"]
    assert [entry.path for entry in leaky.layer_files(0)] == ["srv", "srv/.env", "srv/app.py"]
    assert leaky.read_layer_file(0, "/srv/.env") == b"TOKEN=hush"
    assert leaky.changes(0) == [Change("added", path) for path in ("srv", "srv/.env", "srv/app.py")]
    assert leaky.changes(1) == [Change("changed", "srv/.env")]
    clean = make("FROM scratch\nCOPY src /srv/\n")
    assert leaky.diff(clean) == [Change("deleted", "srv/.env")]
    assert sum(layer.size for layer in leaky.layers) == leaky.size


def test_asking_for_what_is_not_there(make: Build, layout: Layout) -> None:
    image = make("FROM scratch\nCOPY a /a\n", {"a": "1"})
    for ask in (lambda: image.layer_files(1), lambda: image.read_layer_file(0, "/b"), lambda: image.read("/b")):
        with pytest.raises(ImageError):
            ask()
    with pytest.raises(ImageError, match="no image 'nope'"):
        Image.open("nope", layout)


def test_images_are_found_by_name_and_by_the_start_of_their_digest(make: Build, layout: Layout) -> None:
    first = make("FROM scratch\nCOPY a /a\n", {"a": "1"}, tags=["app", "app:1"])
    second = make("FROM scratch\nCOPY a /b\n", tags=["app"])
    assert Image.open("app:latest", layout) == Image.open("docker.io/library/app", layout) == second
    assert Image.open("app:1", layout) == Image.open(first.digest[7:19], layout) == Image.open(first.digest, layout)
    assert layout.names() == {"app:1": first.digest, "app:latest": second.digest}
    nameless = make("FROM scratch\nCOPY a /c\n")
    assert (nameless.names, Image.open(nameless.digest, layout)) == ([], nameless)


def test_builds_at_the_same_time_keep_each_others_names(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "Dockerfile").write_text("ARG N\nFROM scratch\nARG N\nENV N=$N\n")

    def one(number: int) -> None:
        build(tmp_path, tags=[f"app:{number}"], build_args={"N": str(number)}, layout=layout, output=lambda line: None)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(layout.names()) == {f"app:{number}" for number in range(12)}
    assert len(set(layout.names().values())) == 12
    assert not list(layout.path.rglob(".new-*"))


@pytest.mark.process
def test_an_image_that_skopeo_made_reads_the_same(make: Build, layout: Layout, tmp_path: Path) -> None:
    image = make("FROM scratch\nCOPY a /d/a\n", {"a": "1"}, tags=["app:1"])
    copied = tmp_path / "copied"
    skopeo = tool("skopeo")
    subprocess.run([skopeo, "copy", "--quiet", f"oci:{layout.path}:app:1", f"oci:{copied}:app:1"], check=True)
    assert Image.open("app:1", Layout(copied)).files() == image.files()
