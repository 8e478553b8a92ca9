"""Lifecycle policies at work: images expire or are archived, and blobs that nobody names any more go."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from drydock.embedded.services.ecr.blobs import BlobStore
from drydock.embedded.services.ecr.moments import now
from drydock.embedded.services.ecr.state import EVALUATION_SECONDS, Backend, Repository, backends
from drydock.policy.ecr import expiry

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

SWEEP_SECONDS = 3600.0
LOOK_SECONDS = 5.0
FRESH_SECONDS = 600.0
"""A blob that was pushed or asked for this recently (wall clock) may belong to a push under way."""


def decide(repository: Repository, rules: Sequence[expiry.Rule], time: float) -> tuple[expiry.Decision, ...]:
    """What `rules` would do to a repository at a moment of the engine's clock."""
    for image in repository.images:
        image.settle(time)
    return expiry.evaluate(rules, [image.for_policy() for image in repository.images], time)


class Keeper:
    """Evaluates each repository's policy when it is due, and acts through the API like anybody else."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._next_look = self._next_sweep = 0.0

    def tick(self) -> None:
        time = self._host.clock.time()
        if time < self._next_look:
            return
        self._next_look = time + LOOK_SECONDS
        with self._host.lock:
            for backend in list(backends()):
                for repository in list(backend.repositories.values()):
                    if repository.lifecycle_policy and time >= repository.evaluation_due:
                        repository.evaluated = now(self._host.clock)
                        repository.evaluation_due = time + EVALUATION_SECONDS
                        self._apply(backend, repository)
            if time >= self._next_sweep:
                self._next_sweep = time + SWEEP_SECONDS
                sweep(BlobStore(self._host.directory), FRESH_SECONDS)

    def _apply(self, backend: Backend, repository: Repository) -> None:
        decisions = decide(repository, expiry.parse(repository.lifecycle_policy or ""), now(self._host.clock).at)
        ecr = self._host.client("ecr", backend.region_name)
        expired = [d.digest for d in decisions if d.action is expiry.Action.EXPIRE]
        for batch in _batches(expired, 100):
            ecr.batch_delete_image(
                repositoryName=repository.name, imageIds=[{"imageDigest": digest} for digest in batch]
            )
        for decision in decisions:
            if decision.action is expiry.Action.TRANSITION:
                ecr.update_image_storage_class(
                    repositoryName=repository.name,
                    imageId={"imageDigest": decision.digest},
                    targetStorageClass="ARCHIVE",
                )


def sweep(store: BlobStore, fresh_seconds: float) -> int:
    """Forget blobs that no image is made of, and delete their files; returns how many files. Take the lock first."""
    kept: set[str] = set()
    for backend in backends():
        for repository in backend.repositories.values():
            made_of = frozenset[str]().union(*(image.manifest.blobs for image in repository.images))
            for digest in list(repository.layers):
                if digest not in made_of and not store.is_fresh(digest, fresh_seconds):
                    del repository.layers[digest]
            kept.update(repository.layers)
    gone = [d for d in store.digests() if d not in kept and not store.is_fresh(d, fresh_seconds)]
    for digest in gone:
        store.remove(digest)
    return len(gone)


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
