"""The client for asyncio. An action that is waited for holds no thread: it is submitted, and one reader of the journal,
woken by the event descriptor, wakes whoever waits for it."""

import asyncio
import contextlib
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from ._documents import Event, Options, State
from .client import Client, Config, Secret, milliseconds
from .errors import CordonError, NotDone, OutcomeUnknown
from .outcomes import DryRun, Outcome, Pending

T = TypeVar("T")
Until = Literal["accepted", "finished"]

_THREADS = 4  # for calls that are short
_WAITING_THREADS = 16  # for calls that may wait for the service: reads, and polls of single actions
_LOOK_AGAIN_S = 5.0  # even if no event comes: another process may have written what it has to tell
_EVENTS_AT_ONCE = 256
_PAUSE_AFTER_ERROR_S = 1.0
_INTERRUPT_AGAIN_S = 0.05  # an interrupt that comes before the call waits finds nothing, so it is repeated


class _Journal:
    """Reads events as they come and tells the waiters of their requests. Belongs to the event loop's thread."""

    def __init__(self, client: Client, threads: ThreadPoolExecutor) -> None:
        self._client = client
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._fd = client.event_fd()
        self._cursor: int | None = None
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._listeners: set[asyncio.Event] = set()
        self._reading: asyncio.Task[None] | None = None
        self._again = False
        self._closed = asyncio.Event()
        self._loop.add_reader(self._fd, self.wake)

    def wake(self) -> None:
        """There may be something to read."""
        self._again = True
        if self._reading is None:
            self._loop.remove_reader(self._fd)  # it stays readable until the reading is done
            self._reading = self._loop.create_task(self._read())

    async def _read(self) -> None:
        try:
            while self._again and not self._closed.is_set():
                self._again = False
                try:
                    events = await self._loop.run_in_executor(self._threads, self._some)
                except (CordonError, NotDone):
                    self.release()  # shut down, or the ledger is gone: whoever waits finds out by the next call
                    self._again = True
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._closed.wait(), _PAUSE_AFTER_ERROR_S)
                    continue
                for event in events:
                    self._again = True
                    for waiter in self._waiters.get(event.request_id or "", ()):
                        waiter.set()
                for listener in self._listeners:
                    listener.set()
        finally:
            self._reading = None
            if self._fd >= 0:
                self._loop.add_reader(self._fd, self.wake)

    def _some(self) -> list[Event]:
        """Runs on a thread. Begins with this client's own first event, for none before it is waited for."""
        events: list[Event] = []
        while len(events) < _EVENTS_AT_ONCE:
            if self._cursor is None:
                event = self._client.next_event(after=0, scope="client")
            else:
                event = self._client.next_event(after=self._cursor, scope="all")
            if event is None:
                break
            self._cursor = event.cursor
            events.append(event)
        return events

    @contextlib.contextmanager
    def watch(self, request_id: str) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        waiters = self._waiters.setdefault(request_id, set())
        waiters.add(changed)
        try:
            yield changed
        finally:
            waiters.discard(changed)
            if not waiters and self._waiters.get(request_id) is waiters:
                del self._waiters[request_id]

    @contextlib.contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        grown = asyncio.Event()
        self._listeners.add(grown)
        try:
            yield grown
        finally:
            self._listeners.discard(grown)

    def release(self) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.set()
        for listener in self._listeners:
            listener.set()

    async def close(self) -> None:
        fd, self._fd = self._fd, -1
        self._loop.remove_reader(fd)
        self._closed.set()
        if self._reading is not None:
            await self._reading
        os.close(fd)
        self.release()


class AsyncClient:
    """An open client of Cordon for one event loop.

    async with cordon.AsyncClient("/etc/cordon/cordon.json") as client: ...

    Arguments as for Client. Cancelling a task ends its wait and changes nothing at the service: a request that was
    submitted goes on (withdraw takes back one that was not sent), a call that waits is interrupted.
    """

    def __init__(self, config: Config = None, *, library: str | None = None) -> None:
        self._arguments = (config, library)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="cordon")
        self._waiting_threads = ThreadPoolExecutor(_WAITING_THREADS, thread_name_prefix="cordon wait")
        self._call_numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        config, library = self._arguments
        self._client = await self._quick(lambda: Client(config, library=library))
        try:
            self._journal = _Journal(self._client, self._threads)
        except BaseException:
            self._client.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._close())

    async def _close(self) -> None:
        await self._quick(self._client.shutdown)
        await self._journal.close()
        await self._quick(self._client.close)
        self._threads.shutdown(wait=False)
        self._waiting_threads.shutdown(wait=False)

    # ---- Acting ----

    async def restrict_code_execution(
        self, machine_id: str, comment: str, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """As Client.restrict_code_execution, by submit: see act."""
        request = {"machine_id": machine_id, "comment": comment}
        return await self.act("restrict_code_execution", request, timeout=timeout, **options)

    async def stop_and_quarantine(
        self, machine_id: str, sha1: str, comment: str, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """As Client.stop_and_quarantine, by submit: see act."""
        request = {"machine_id": machine_id, "sha1": sha1, "comment": comment}
        return await self.act("stop_and_quarantine", request, timeout=timeout, **options)

    async def act(
        self, operation: str, request: Mapping[str, Any], *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """Submits an operation that acts, and waits until the service holds it, or `until="finished"` until it has
        ended. `timeout` seconds bound the wait, and the time in which it may be sent; what has not ended then is
        Pending. None: it may be sent for 15 minutes, and the wait has no end of its own.

        A wait that is cancelled or fails leaves the request alone: the exception's `request_id` tells it."""
        until: Until = options.get("until", request.get("options", {}).get("until", "accepted"))
        if timeout is not None and timeout > 0:
            options.setdefault("valid_for_ms", milliseconds(timeout))
        dry_run = options.get("dry_run", request.get("options", {}).get("dry_run"))
        if dry_run or self._client._library.kinds.get(operation) == "local":  # get_request
            return await self._quick(lambda: self._client.act(operation, request, **options))
        # Chosen here, for a task may be cancelled while the request is recorded.
        request_id = options.get("request_id", request.get("options", {}).get("request_id")) or str(uuid.uuid4())
        options["request_id"] = request_id
        recorded = False
        try:
            request_id = await self.submit(operation, request, **options)
            recorded = True
            return await self.wait(request_id, until=until, timeout=timeout)
        except BaseException as error:
            if recorded or not isinstance(error, Exception) or getattr(error, "outcome_unknown", False):
                _name_request(error, request_id)
            raise

    async def submit(
        self, operation: str, request: Mapping[str, Any], **options: Unpack[Options]
    ) -> str:
        """As Client.submit."""
        return await self._quick(lambda: self._client.submit(operation, request, **options))

    async def wait(self, request_id: str, *, until: Until = "finished", timeout: float | None = None) -> Outcome:
        """What became of a request, once it has become something; Pending after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        with self._journal.watch(request_id) as changed:
            while True:
                changed.clear()
                left = None if deadline is None else max(0.0, deadline - loop.time())
                outcome = await self._now(request_id, left)
                if _reached(outcome, until) or left == 0:
                    return outcome
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _LOOK_AGAIN_S if left is None else min(left, _LOOK_AGAIN_S))

    async def _now(self, request_id: str, left: float | None) -> Outcome:
        """What the ledger knows. Where a request is being looked for at the service, how that ends."""
        try:
            return await self._quick(lambda: self._client.poll_action(request_id))
        except OutcomeUnknown:
            if left == 0:
                raise
            return await self.poll_action(request_id, wait=left)

    async def poll_action(self, id: str, *, wait: float | None = 0, **options: Unpack[Options]) -> Outcome:
        """As Client.poll_action. A thread waits; for many requests at once use wait."""
        return await self._waiting(options, lambda **call: self._client.poll_action(id, wait=wait, **options, **call))

    async def withdraw(self, request_id: str) -> None:
        """As Client.withdraw."""
        await self._quick(lambda: self._client.withdraw(request_id))

    # ---- Reading ----

    async def call(
        self, operation: str, request: Mapping[str, Any] | None = None, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Any:
        """As Client.call. A thread waits."""
        return await self._waiting(
            options, lambda **call: self._client.call(operation, request, timeout=timeout, **options, **call)
        )

    async def events(self, *, after: int = 0, scope: Literal["client", "all"] = "client") -> AsyncIterator[Event]:
        """Every event behind a cursor, then those to come, without an end. Nothing is consumed."""
        with self._journal.listen() as grown:
            while True:
                grown.clear()
                event = await self._quick(lambda: self._client.next_event(after=after, scope=scope))
                if event is None:
                    await grown.wait()
                    continue
                after = event.cursor
                self._journal.wake()  # reading moved what counts as unread
                yield event

    # ---- Vault ----

    async def secret_set(self, name: str, value: Secret) -> None:
        """As Client.secret_set."""
        await self._quick(lambda: self._client.secret_set(name, value))

    async def vault_unlock(self, kind: str, secret: Secret) -> None:
        """As Client.vault_unlock."""
        await self._quick(lambda: self._client.vault_unlock(kind, secret))

    # ---- How a call is made ----

    async def _quick(self, function: Callable[[], T]) -> T:
        """A call that does not wait for the service."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _waiting(self, options: Mapping[str, Any], function: Callable[..., T]) -> T:
        """A call that may wait. A cancelled task interrupts it, and goes on when it has ended."""
        own = {} if "call_id" in options else {"call_id": f"asyncio-{os.getpid()}-{next(self._call_numbers)}"}
        call_id = options.get("call_id") or own["call_id"]
        job = self._waiting_threads.submit(function, **own)
        call = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            while not call.done():
                if not (job.done() or job.cancel()):  # it is in the library, or about to be
                    self._client._try_interrupt(call_id)
                with contextlib.suppress(asyncio.CancelledError):  # a second wish to end changes nothing
                    await asyncio.wait([call], timeout=_INTERRUPT_AGAIN_S)
            if not call.cancelled():
                call.exception()  # it has been looked at
            raise


def _name_request(error: BaseException, request_id: str) -> None:
    if getattr(error, "request_id", None) is None:
        setattr(error, "request_id", request_id)
        error.add_note(f"cordon: the request is {request_id}; withdraw takes it back as long as nothing was sent")


def _reached(outcome: Outcome, until: Until) -> bool:
    if not isinstance(outcome, Pending) or isinstance(outcome, DryRun):
        return True
    return until == "accepted" and outcome.action.state not in (State.QUEUED, State.SENDING)
