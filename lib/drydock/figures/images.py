"""Images: what they are made of, and what a lifecycle policy makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drydock.figures.figure import COLOURS, Figure

LayerOf = tuple[str, int, str]
"""A layer: digest, compressed bytes, the instruction that made it."""


def layers(images: Mapping[str, Sequence[LayerOf]], *, title: str = "Who is made of what") -> Figure:
    """A bar for each image, a piece of one length for each layer; layers that images share have one colour."""
    made = {digest: (size, instruction) for stack in images.values() for digest, size, instruction in stack}
    held = {digest: [name for name, stack in images.items() if digest in {d for d, _, _ in stack}] for digest in made}
    rows = [
        (digest.removeprefix("sha256:")[:12], f"{size:,}", ", ".join(held[digest]), instruction)
        for digest, (size, instruction) in made.items()
    ]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "y": held[digest],
            "base": [[d for d, _, _ in images[name]].index(digest) for name in held[digest]],
            "x": [1] * len(held[digest]),
            "text": f"{size:,}",
            "name": instruction,
            "insidetextanchor": "middle",
            "marker": {"color": COLOURS[index % len(COLOURS)], "line": {"color": "white", "width": 2}},
            "hovertemplate": "%{text} bytes<extra>%{fullData.name}</extra>",
        }
        for index, (digest, (size, instruction)) in enumerate(made.items())
    ]
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "layers, lowest first, with their compressed bytes"}, "showticklabels": False},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "showlegend": False,
        "height": 130 + 50 * len(images),
    }
    return Figure(title, ("Layer", "Bytes", "In", "Made by"), rows, bars, layout)


def retention(
    images: Iterable[Mapping[str, Any]],
    preview: Iterable[Mapping[str, Any]],
    *,
    title: str = "What the lifecycle policy does",
) -> Figure:
    """A mark for each image, oldest first, by the rule that takes it.

    `images` are the imageDetails of describe_images, `preview` the previewResults of
    get_lifecycle_policy_preview.
    """
    rules = {result["imageDigest"]: result["appliedRulePriority"] for result in preview}
    oldest_first = sorted(images, key=lambda image: image["imagePushedAt"])
    rows = [
        (number, ", ".join(sorted(image.get("imageTags", ()))) or "untagged", _fate(rules.get(image["imageDigest"])))
        for number, image in enumerate(oldest_first, 1)
    ]
    fates = sorted({fate for _, _, fate in rows}, key=lambda fate: (fate != "stays", fate))
    marks = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": fate,
            "x": [number for number, _, one in rows if one == fate],
            "y": [fate for _, _, one in rows if one == fate],
            "text": [tags for _, tags, one in rows if one == fate],
            "textposition": "top center",
            "marker": {"size": 14, "symbol": "circle" if fate == "stays" else "x", "color": COLOURS[index]},
        }
        for index, fate in enumerate(fates)
    ]
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "images, oldest first"}, "dtick": 1},
        "yaxis": {"type": "category", "automargin": True, "range": [-0.5, len(fates) - 0.3]},
        "showlegend": False,
        "height": 150 + 60 * len(fates),
    }
    return Figure(title, ("Pushed", "Tags", "Fate"), rows, marks, layout)


def _fate(rule: int | None) -> str:
    return "stays" if rule is None else f"expires by rule {rule}"
