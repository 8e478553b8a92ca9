"""`drydock image`: build, push, list and look inside."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .build import build as build_image
from .credentials import ecr_credentials
from .errors import ImageError
from .image import Image, Step
from .layer import Entry
from .layout import Layout
from .reference import Reference
from .registry import push as push_image

app = typer.Typer(help="Build, push and look inside container images.", no_args_is_help=True)


@app.command()
def build(
    context: Annotated[Path, typer.Argument(help="Directory that holds what the image is made of.")] = Path(),
    tag: Annotated[list[str] | None, typer.Option("--tag", "-t", help="Name of the image; repeatable.")] = None,
    file: Annotated[str, typer.Option("--file", "-f", help="Dockerfile, from CONTEXT.")] = "Dockerfile",
    target: Annotated[str | None, typer.Option(help="Stage to build; by default the last one.")] = None,
    build_arg: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for an ARG; repeatable.")] = None,
    base_images: Annotated[str, typer.Option(help="FROM python:* from: stand-in or registry.")] = "stand-in",
    builder: Annotated[str | None, typer.Option(help="docker, podman or buildah, to build all with it.")] = None,
    platform: Annotated[str | None, typer.Option(help="Such as linux/arm64; by default this machine's.")] = None,
) -> None:
    """Build an image from a Dockerfile."""
    pairs = [pair.partition("=") for pair in build_arg or ()]
    if wrong := next((name for name, equals, _ in pairs if not (name and equals)), None):
        _fail(f"--build-arg {wrong}: write NAME=VALUE")
    if base_images not in ("stand-in", "registry"):
        _fail(f"--base-images {base_images}: write stand-in or registry")
    with _told():
        build_image(
            context,
            dockerfile=file,
            target=target,
            build_args={name: value for name, _, value in pairs},
            tags=tag or (),
            base_images=base_images,  # type: ignore[arg-type]
            builder=builder,
            platform=platform,
            output=typer.echo,
        )


@app.command()
def push(
    reference: Annotated[str, typer.Argument(help="Where to, such as 127.0.0.1:4566/backend:1.0.")],
    image: Annotated[str | None, typer.Argument(help="Which image, by name or digest; by default REFERENCE.")] = None,
    username: Annotated[str | None, typer.Option(help="User at the registry.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    region: Annotated[str | None, typer.Option(help="Region of an ECR on this machine.")] = None,
) -> None:
    """Push an image to a registry. One on this machine is asked for its own ECR credentials."""
    if bool(username) != password_stdin:
        _fail("--username and --password-stdin go together")
    with _told():
        found = Image.open(image or reference)
        name = Reference.parse(reference).tagged()
        if username:
            auth: tuple[str, str] | None = (username, sys.stdin.readline().rstrip("\n"))
        else:
            auth = ecr_credentials(name.registry, region) if name.is_loopback else None
        typer.echo(f"pushed {name.name}@{push_image(found, name, auth)}")


@app.command("ls")
def list_images() -> None:
    """List the images built or pulled here."""
    layout = Layout()
    with _told():
        names = layout.names()
        images = [*names.items(), *((None, digest) for digest in layout.digests() if digest not in names.values())]
        rows = [_row(name or "(no name)", Image(layout, digest)) for name, digest in images]
    if rows:
        _print(_table("name", "digest", "platform", "layers", "bytes"), rows)
    else:
        typer.echo(f"no images in {layout.path}")


@app.command()
def inspect(
    image: Annotated[str, typer.Argument(help="Name, digest or the start of one.")],
    layer: Annotated[int | None, typer.Option(help="List what this layer holds, counted from 0.")] = None,
    file: Annotated[str | None, typer.Option(help="Print this file, from --layer or as a container sees it.")] = None,
) -> None:
    """Show what made an image, what a layer holds, or one file."""
    with _told():
        found = Image.open(image)
        if file is not None:
            data = found.read(file) if layer is None else found.read_layer_file(layer, file)
            sys.stdout.buffer.write(data)
        elif layer is not None:
            entries = found.layer_files(layer)
            rows = [(f"{e.mode:04o}", f"{e.uid}:{e.gid}", str(e.size), _shown(e)) for e in entries]
            _print(_table("mode", "owner", "bytes", "path"), rows)
        else:
            typer.echo(f"{found.digest}  {found.size:,} bytes")
            _print(_table("layer", "bytes", "made by"), (_step(found, step) for step in found.history))


def _row(name: str, image: Image) -> tuple[str, ...]:
    platform = f"{image.config.get('os')}/{image.config.get('architecture')}"
    return name, image.digest[7:19], platform, str(len(image.layers)), f"{image.size:,}"


def _step(image: Image, step: Step) -> tuple[str, ...]:
    if step.layer is None:
        return "", "", step.created_by
    return str(step.layer), f"{image.layers[step.layer].size:,}", step.created_by


def _shown(entry: Entry) -> str:
    return f"{entry.path} -> {entry.link}" if entry.link else entry.path + ("/" if entry.kind == "directory" else "")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in ("bytes", "layers") else "left", overflow="fold")
    return table


def _print(table: Table, rows: Iterable[tuple[str, ...]]) -> None:
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


@contextmanager
def _told() -> Iterator[None]:
    """Errors whose text says all, without their traceback."""
    try:
        yield
    except ImageError as error:
        _fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; images are kept in {Layout().path}, or where DRYDOCK_HOME says")


def _fail(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)
