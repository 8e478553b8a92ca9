"""moto's queues over the store, and a long poll that lets everyone else go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid, SQSException

from drydock.embedded.core import seams
from drydock.embedded.core.waiting import Wait

from .store import Message, Store

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

LONGEST_OUT = 43_200_000
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_EXPIRE_EVERY = 60.0


class QueueDeletedRecently(SQSException):
    def __init__(self) -> None:
        super().__init__(
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )


class Queues:
    """What stands in the place of moto's lists of messages."""

    def __init__(self, host: Host) -> None:
        self.store = Store(host.data, host.seed)
        self._host = host
        self._expire_at = 0.0
        host.data.clean_with(self._clean)

    def restore(self) -> None:
        """After a replay, which made the queues: messages of others are no more."""
        self.store.keep_only(queue.queue_arn for queue in _all_queues())

    def _clean(self) -> None:
        if time.monotonic() >= self._expire_at:
            self._expire_at = time.monotonic() + _EXPIRE_EVERY
            for queue in _all_queues():
                self.store.expire(queue.queue_arn, _since(queue), _now())

    # -- sending --------------------------------------------------------------------------------

    def sent_already(self, queue: Any, message: Any) -> bool:
        """Whether a FIFO queue got this message in the last minutes; it is then that one."""
        once = _once(queue, message)
        number = self.store.sent_already(queue.queue_arn, once, message.sent_timestamp) if once else None
        if number is not None:
            self._name(queue, message, number)
        return number is not None

    def add(self, queue: Any, message: Any) -> None:
        ready = int(max(message.sent_timestamp, message.delayed_until))
        number = self.store.add(
            queue.queue_arn,
            message.body,
            ready=ready,
            sent=message.sent_timestamp,
            attributes=message.message_attributes,
            system_attributes=message.system_attributes,
            group=message.group_id,
            deduplication=message.deduplication_id,
        )
        if once := _once(queue, message):
            self.store.note_sent(queue.queue_arn, once, number, message.sent_timestamp)
        self._name(queue, message, number)
        self.tell(queue.queue_arn, ready)

    def _name(self, queue: Any, message: Any, number: int) -> None:
        message.id = self.store.message_id(number)
        message.sequence_number = f"{number:020d}" if queue.fifo_queue else None

    # -- receiving ------------------------------------------------------------------------------

    def receive(self, backend: Any, name: str, count: int, wait: int, visibility: int, attributes: Any) -> list[Any]:
        """Messages that are there; Wait where there are none yet and the request has patience."""
        queue = backend.get_queue(name)
        arn = queue.queue_arn
        lot = self._host.lot
        version = lot.version(arn)
        found = self._take(backend, queue, count, visibility or 0)
        patience = min(wait, self._host.front.patience)
        waits = not (found or patience <= 0 or self._host.closing or seams.replaying())
        if waits:
            self._look_again(queue, _now())
            raise Wait(arn, version, patience)
        if found and lot.anybody(arn):
            self._look_again(queue, 0)
        return [self._as_moto(queue, message, attributes or []) for message in found]

    def _look_again(self, queue: Any, after: int) -> None:
        """Let one of those who wait at this queue look again when the next message is ready, later than `after`."""
        ready = self.store.next_ready(queue.queue_arn, after, _since(queue))
        if ready is not None:
            self.tell(queue.queue_arn, ready)

    def tell(self, arn: str, ready: int) -> None:
        """Let one of those who wait at a queue look again at the moment `ready`, or now."""
        self._host.lot.notify(arn, time.monotonic() + (ready - _now()) / 1000)

    def _take(self, backend: Any, queue: Any, count: int, visibility: int) -> list[Message]:
        if seams.replaying():
            return []
        now = _now()
        look = self.store.next_in_order if queue.fifo_queue else self.store.next
        dead = queue.dead_letter_queue
        most = int(queue.redrive_policy["maxReceiveCount"]) if dead and queue.redrive_policy else None
        taken: list[Message] = []
        while len(taken) < count and (found := look(queue.queue_arn, count - len(taken), now, _since(queue))):
            for message in found:
                if most is not None and message.receives >= most and backend.queues.get(dead.name) is dead:
                    self.store.move(message, dead.queue_arn)
                    self.tell(dead.queue_arn, now)
                else:
                    self.store.received(message, now + int(visibility) * 1000, now)
                    taken.append(message)
            if not visibility:
                break  # they can be received again at once, but not twice in one answer
        return taken

    def _as_moto(self, queue: Any, message: Message, attributes: list[str]) -> Any:
        made = models.Message(self.store.message_id(message.id), message.body, message.system_attributes)
        made.message_attributes = message.attributes
        made.sent_timestamp = message.sent  # type: ignore[assignment]
        made.group_id, made.deduplication_id = message.group, message.deduplication
        made.approximate_receive_count = message.receives + 1
        made.approximate_first_receive_timestamp = message.first_received or _now()
        made.receipt_handle = self.store.handle(queue.queue_arn, message.id, message.receives + 1)
        made.sequence_number = f"{message.id:020d}" if queue.fifo_queue else None
        models._filter_message_attributes(made, attributes)
        return made

    # -- what is done with a receipt handle -----------------------------------------------------

    def number_in(self, queue: Any, handle: str) -> int:
        number = self.store.number_in(queue.queue_arn, handle)
        if number is None:
            raise ReceiptHandleIsInvalid()
        return number

    def change_visibility(self, queue: Any, handle: str, seconds: int) -> None:
        number = self.number_in(queue, handle)
        sent = self.store.sent_at(queue.queue_arn, number)
        if sent is None:
            raise ReceiptHandleIsInvalid()
        ready = _now() + int(seconds) * 1000
        if ready - sent > LONGEST_OUT:
            raise InvalidParameterValue(
                f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "
                "message is beyond the limit [43200 seconds]"
            )
        self.store.show_at(number, ready)
        self.tell(queue.queue_arn, ready)


class _Outbox:
    """moto's list of the messages of a queue, to which it appends."""

    def __init__(self, queues: Queues, queue: Any) -> None:
        self._queues = queues
        self._queue = queue

    def append(self, message: Any) -> None:
        self._queues.add(self._queue, message)

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def install(host: Host) -> Queues:
    """Put the store under moto's queues."""
    queues = Queues(host)
    store = queues.store
    add = seams.original(models.Queue, "add_message")
    attributes_of = seams.original(models.SQSBackend, "get_queue_attributes")
    purge = seams.original(models.SQSBackend, "purge_queue")
    create = seams.original(models.SQSBackend, "create_queue")
    delete = seams.original(models.SQSBackend, "delete_queue")

    def add_message(queue: Any, message: Any) -> None:
        if not queues.sent_already(queue, message):
            add(queue, message)

    def delete_message(queue: Any, receipt_handle: str) -> None:
        store.delete(queue.queue_arn, queues.number_in(queue, receipt_handle))
        if queue.fifo_queue:
            queues.tell(queue.queue_arn, _now())  # others of its group

    def receive_message(
        backend: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Any]:
        return queues.receive(
            backend, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names
        )

    def change_message_visibility(backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        queues.change_visibility(backend.get_queue(queue_name), receipt_handle, visibility_timeout)

    def get_queue_attributes(backend: Any, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
        queue = backend.get_queue(queue_name)
        found = dict(attributes_of(backend, queue_name, [name for name in attribute_names if name not in COUNTS]))
        wanted = COUNTS if "All" in attribute_names else [name for name in COUNTS if name in attribute_names]
        if wanted:
            counts = dict(zip(COUNTS, store.counts(queue.queue_arn, _now(), _since(queue)), strict=True))
            found |= {name: counts[name] for name in wanted}
        return found

    def purge_queue(backend: Any, queue_name: str) -> None:
        purge(backend, queue_name)
        store.clear(backend.get_queue(queue_name).queue_arn)

    def delete_queue(backend: Any, queue_name: str) -> None:
        arn = backend.get_queue(queue_name).queue_arn
        delete(backend, queue_name)
        store.clear(arn)
        host.lately.note(("deleted queue", arn), host.profile.queue_name)

    def create_queue(backend: Any, name: str, *given: Any, **named: Any) -> Any:
        if host.lately.has(("deleted queue", f"arn:aws:sqs:{backend.region_name}:{backend.account_id}:{name}")):
            raise QueueDeletedRecently()
        return create(backend, name, *given, **named)

    for owner, functions in (
        (models.Queue, (add_message, delete_message)),
        (
            models.SQSBackend,
            (
                create_queue,
                receive_message,
                change_message_visibility,
                get_queue_attributes,
                purge_queue,
                delete_queue,
            ),
        ),
    ):
        for function in functions:
            setattr(owner, function.__name__, function)
    outbox = property(lambda queue: _Outbox(queues, queue), lambda *_: None)
    models.Queue._messages = outbox  # type: ignore[assignment]
    models.Queue.BASE_ATTRIBUTES = [name for name in models.Queue.BASE_ATTRIBUTES if name not in COUNTS]
    return queues


def _once(queue: Any, message: Any) -> str | None:
    """What makes a message of a FIFO queue the same as another, None if nothing does."""
    if not queue.fifo_queue or not message.deduplication_id:
        return None
    group = f"{message.group_id} " if queue.deduplication_scope == "messageGroup" else ""
    return f"{group}{message.deduplication_id}"


def _all_queues() -> list[Any]:
    return [queue for backend in seams.each(models.sqs_backends) for queue in backend.queues.values()]


def _now() -> int:
    return int(unix_time_millis())


def _since(queue: Any) -> int:
    """Messages sent before are no more."""
    return _now() - int(queue.message_retention_period) * 1000
