"""Modules that run when something of theirs is first used, not when they are imported.

moto imports for one call what any call may need: boto3 and its mock of it, an HTTP client, the offers of instance
types of every region. `install()` lets such modules wait. Who imports one gets the module itself, still empty; the
first attribute that is asked of it runs it, but for a submodule, which is imported alone. For names that are taken
out of it as it is imported (`from … import …`), stand-ins are handed out, which run it when they are used.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from operator import attrgetter
from types import ModuleType
from typing import Any

LATE: dict[str, tuple[str, ...]] = {
    "boto3": (),
    "botocore.client": (),
    "botocore.httpsession": (),
    "botocore.session": ("Session",),
    "charset_normalizer": (),
    "cryptography.x509": (),
    "moto.backends": ("get_backend",),
    "moto.core.decorator": ("mock_aws",),
    "moto.core.models": ("patch_client", "patch_resource"),
    "moto.ec2": ("ec2_backends",),
    "moto.ec2.utils": ("random_private_ip",),
    "moto.iam": ("iam_backends",),
    "moto.iam.models": (),
    "requests": (),
    "urllib3": (),
    "werkzeug.serving": ("run_simple",),
    "werkzeug.test": ("Client",),
}
"""What waits, and the names of each that stand-ins are given for."""

AT_ONCE: dict[str, dict[str, Any]] = {
    "moto.core.models": {"DEFAULT_ACCOUNT_ID": "123456789012"},
    "moto.iam.models": {"mark_account_as_visited": lambda **_: None},  # no access key is there to mark
}
"""What names mean for as long as their module waits, where everybody uses them."""

READING = {
    "moto.ec2.models.instance_types": (
        "INSTANCE_TYPES", "INSTANCE_FAMILIES", "INSTANCE_TYPE_OFFERINGS", "InstanceTypeBackend.instance_types",
    )
}  # fmt: skip
"""Modules that read large files when they run: these names of theirs wait until they are used."""


@cache
def install() -> None:
    """Before anything of moto is imported."""
    sys.meta_path.insert(0, _Finder())
    import_module("botocore.client")  # moto.core.models names it, and leaves it to boto3 to import it


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in LATE and name not in READING:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Late(spec.loader) if name in LATE else _Reading(spec.loader)
        return spec


class _Late(Loader):
    """Leaves the module empty but for its stand-ins."""

    def __init__(self, real: Loader) -> None:
        self._real = real
        self._lock = threading.RLock()
        self._running = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(AT_ONCE.get(module.__name__, {}))
        for name in LATE[module.__name__]:
            setattr(module, name, _stand_in(partial(self._now, module, name)))
        module.__class__ = _Empty

    def _now(self, module: ModuleType, name: str) -> Any:
        self.run(module)
        return vars(module)[name]

    def run(self, module: ModuleType) -> None:
        """Run the module, if nobody has."""
        if not isinstance(module, _Empty):
            return
        with self._lock:
            if isinstance(module, _Empty) and not self._running:
                self._running = True
                try:
                    self._real.exec_module(module)
                    module.__class__ = ModuleType  # type: ignore[assignment]
                except AttributeError as error:  # not to be taken for a name that the module does not have
                    raise RuntimeError(f"{module.__name__} does not run: {error}") from error
                finally:
                    self._running = False


class _Empty(ModuleType):
    """A module that waits."""

    def __getattr__(self, name: str) -> Any:
        spec = vars(self).get("__spec__")
        if name == "__path__" or spec is None or not isinstance(spec.loader, _Late):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if "__path__" in vars(self) and find_spec(f"{self.__name__}.{name}") is not None:
            return import_module(f"{self.__name__}.{name}")
        spec.loader.run(self)
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None


class _Reading(Loader):
    """Runs the module without its files, and again, beside it, when what it reads from them is used."""

    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with _nothing_read():
            self._real.exec_module(module)
        whole = cache(partial(self._whole, module))
        for name in READING[module.__name__]:
            owner, _, attribute = name.rpartition(".")
            at = attrgetter(owner) if owner else _itself
            setattr(at(module), attribute, _stand_in(lambda name=name: attrgetter(name)(whole())))

    def _whole(self, module: ModuleType) -> ModuleType:
        second = ModuleType(module.__name__)
        second.__dict__.update(__file__=module.__file__, __package__=module.__package__, __spec__=module.__spec__)
        self._real.exec_module(second)
        return second


def _itself(module: ModuleType) -> Any:
    return module


@contextmanager
def _nothing_read() -> Iterator[None]:
    utils: Any = import_module("moto.utilities.utils")
    kept, utils.load_resource = utils.load_resource, lambda _: {}
    try:
        yield
    finally:
        utils.load_resource = kept


def _stand_in(get: Any) -> Any:
    from werkzeug.local import LocalProxy

    class StandIn(LocalProxy[Any]):
        def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
            return (get(),)  # for a class that is derived from it

    return StandIn(get)
