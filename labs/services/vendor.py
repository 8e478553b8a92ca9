"""Put each service's dependencies beside its Dockerfile: a production build then needs no RUN and no network.

    python labs/services/vendor.py [SERVICE …]

`<service>/requirements.txt` becomes `<service>/vendor/`, `requirements-NAME.txt` becomes `vendor-NAME/`, each
with our own `chassis` in it. Wheels are checked against the hashes in the file; what a service never calls
is left out (see KEEP). A directory whose inputs have not changed is left as it is. uv does the work where it
is on the PATH, pip where not; the index is the one they are configured for.
"""
from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SERVICES = Path(__file__).resolve().parent
CHASSIS = SERVICES / "chassis"
PYTHON = "3.12"  # of the images
# botocore describes every AWS service, 30 MB of it. The worker calls these; files beside the folders stay.
KEEP = {
    "botocore/data": {"cloudwatch", "sqs", "sts"},
    "boto3/data": {"cloudwatch", "sqs"},
}
# The last three differ between uv and pip: without them either gives the same image.
NEVER_NEEDED = ("bin", "boto3/examples", ".lock", "*.dist-info/INSTALLER", "*.dist-info/RECORD",
                "*.dist-info/REQUESTED")


def vendor(requirements: Path) -> bool:
    """Bring the directory that belongs to a requirements file up to date; False when it already was."""
    target = requirements.with_name(requirements.stem.replace("requirements", "vendor", 1))
    stamp = target / ".stamp"
    wanted = _fingerprint(requirements)
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=requirements.parent) as scratch:
        fresh = Path(scratch) / "vendor"
        fresh.mkdir()
        if any(line.strip() and not line.startswith("#") for line in requirements.read_text().splitlines()):
            _install(requirements, fresh)
            _strip(fresh)
        shutil.copytree(CHASSIS, fresh / "chassis", ignore=shutil.ignore_patterns("__pycache__"))
        (fresh / ".stamp").write_text(wanted)
        if target.exists():
            target.rename(Path(scratch) / "old")
        fresh.rename(target)
    return True


def _fingerprint(requirements: Path) -> str:
    digest = hashlib.sha256()
    for path in (requirements, Path(__file__), *sorted(CHASSIS.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _install(requirements: Path, target: Path) -> None:
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--link-mode", "copy", "--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile",
                   "--disable-pip-version-check"]
    done = subprocess.run([*command, "--require-hashes", "--no-deps", "--only-binary", ":all:",
                           "--python-version", PYTHON, "--target", target, "--requirement", requirements])
    if done.returncode:
        raise SystemExit(f"{requirements} was not vendored; {command[0]} says why above")


def _strip(target: Path) -> None:
    for folder, keep in KEEP.items():
        for path in (target / folder).glob("*/"):
            if path.is_dir() and path.name not in keep:
                shutil.rmtree(path)
    for path in [path for pattern in NEVER_NEEDED for path in target.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _requirements(services: list[str]) -> Iterator[Path]:
    known = sorted(path.parent.name for path in SERVICES.glob("*/requirements.txt"))
    for service in services or known:
        if service not in known:
            raise SystemExit(f"no service {service!r} here; there are {', '.join(known)}")
        yield from sorted((SERVICES / service).glob("requirements*.txt"))


def main() -> None:
    with CHASSIS.joinpath("__init__.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for requirements in _requirements(sys.argv[1:]):
            changed = vendor(requirements)
            print(f"{requirements.relative_to(SERVICES)}: {'vendored' if changed else 'up to date'}")


if __name__ == "__main__":
    main()
