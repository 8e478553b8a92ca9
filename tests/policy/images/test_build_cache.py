"""Which steps are built again: the cases are those of Docker's documentation, "Build cache invalidation"."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.build_cache import Stage, Step, again

MANIFESTS = Step("COPY package.json package-lock.json ./", ("package.json", "package-lock.json"))
INSTALL, ALL, BUILD = Step("RUN npm ci"), Step("COPY . .", (".",)), Step("RUN npm run build")
WHOLE = [Stage("build", "node", (ALL, INSTALL, BUILD))]
ORDERED = [Stage("build", "node", (MANIFESTS, INSTALL, ALL, BUILD))]


@pytest.mark.parametrize(
    ("stages", "changed", "expected"),
    [
        (WHOLE, {"src/index.ts"}, [True, True, True]),
        (ORDERED, {"src/index.ts"}, [False, False, True, True]),
        (ORDERED, {"package-lock.json"}, [True, True, True, True]),
        (ORDERED, set(), [False, False, False, False]),
    ],
)
def test_what_follows_the_first_change_is_built_again(
    stages: list[Stage], changed: set[str], expected: list[bool]
) -> None:
    assert again(stages, changed) == [expected]


def test_another_base_changes_all() -> None:
    assert again(ORDERED, (), {"node"}) == [[True] * 4]


def test_a_last_stage_takes_what_is_the_same_from_the_cache() -> None:
    last = Stage(
        "",
        "distroless",
        (
            Step("COPY --from=build /app/node_modules", ("/app/node_modules",), "build"),
            Step("COPY --from=build /app/dist", ("/app/dist",), "build"),
            Step("USER 65532", has_layer=False),
        ),
    )
    assert again([*ORDERED, last], {"src/index.ts", "build:/app/dist/index.js"})[1] == [False, True, True]
    assert again([*ORDERED, last], {"README.md"})[1] == [False, False, False]


def test_a_stage_on_a_stage_is_as_new_as_that() -> None:
    assert again([*ORDERED, Stage("test", "build", (Step("RUN npm test"),))], {"src/index.ts"})[1] == [True]


@pytest.mark.parametrize(("source", "path", "takes"), [("src", "src/a/b.ts", True), ("src/", "srcs", False),
                                                      ("package*.json", "package-lock.json", True)])  # fmt: skip
def test_folders_and_patterns(source: str, path: str, takes: bool) -> None:
    assert again([Stage("", "node", (Step("COPY", (source,)),))], {path}) == [[takes]]


FILES = st.sets(st.sampled_from(["package.json", "package-lock.json", "src/index.ts", "README.md"]))


@settings(max_examples=50)
@given(st.permutations([MANIFESTS, INSTALL, ALL, BUILD]), FILES, FILES)
def test_once_a_step_is_built_again_so_are_all_after_it_and_more_changes_never_build_fewer(
    steps: list[Step], some: set[str], more: set[str]
) -> None:
    stages = [Stage("build", "node", tuple(steps))]
    [before], [after] = again(stages, some), again(stages, some | more)
    assert before == sorted(before)
    assert all(now or not then for then, now in zip(before, after, strict=True))
