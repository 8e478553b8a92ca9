"""What a `.dockerignore` keeps out of a build context."""

from __future__ import annotations

from pathlib import Path

from e2b_dockerfile_utils import PatternMatcher

from .errors import DockerfileError


class Ignore:
    """Patterns in the syntax of `.dockerignore`; the last one that matches a path decides."""

    def __init__(self, text: str = "", file: str = ".dockerignore") -> None:
        self.text = text
        lines = text.removeprefix("\ufeff").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                PatternMatcher([line])
            except ValueError as error:
                raise DockerfileError(file, number, f"{error}; correct the pattern or remove the line") from None
        self._matcher = PatternMatcher(lines)

    @classmethod
    def of(cls, context: Path, dockerfile: Path) -> Ignore:
        """`<Dockerfile>.dockerignore` beside the Dockerfile, or else the context's `.dockerignore`."""
        for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
            if path.is_file():
                return cls(_read(path), path.name)
        return cls()

    def excludes(self, path: str) -> bool:
        """Whether a path, written from the context's root, is kept out."""
        return self._matcher.matches(path)

    def excludes_all_below(self, directory: str) -> bool:
        """Whether no `!` pattern can bring back anything below an excluded directory."""
        return not self._matcher.may_match_under(directory)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DockerfileError(path.name, 1, f"not UTF-8 text ({error}); save it as UTF-8") from None
