"""The client: opens Cordon and makes its calls."""

import ctypes
import itertools
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from . import _library
from ._abi import ABI_VERSION, Status
from ._documents import Action, Event, Options, State
from ._waiting import interruptible
from .errors import CordonError, NotDone, error_from, known_status
from .outcomes import Outcome, outcome_from

T = TypeVar("T")
Config = Mapping[str, Any] | str | os.PathLike[str] | None
Secret = bytearray | memoryview

MAX_MS = 2**31 - 1
_call_numbers = itertools.count(1)
_ACTION_MEMBERS = frozenset(Action.__dataclass_fields__)
_EVENT_MEMBERS = frozenset(Event.__dataclass_fields__)
_STATES = {str(state): state for state in State}


def milliseconds(seconds: float | None) -> int:
    """A time-out for the library. None: its configured default."""
    if seconds is None:
        return -1
    if seconds < 0:
        raise ValueError(f"a time-out of {seconds} s lies in the past; pass None for the default")
    return min(MAX_MS, max(1, round(seconds * 1000)) if seconds > 0 else 0)


def encoded(name: str, text: str) -> bytes:
    """UTF-8 for the library, which reads up to the first NUL and must not read less than was meant."""
    made = text.encode()
    if b"\0" in made:
        raise ValueError(f"{name} holds a NUL character; remove it")
    return made


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps would make one per call


def as_json(document: Any) -> bytes:
    return _encode(document).encode()


def action_from(document: dict[str, Any]) -> Action:
    known = {name: value for name, value in document.items() if name in _ACTION_MEMBERS}
    known["state"] = _STATES.get(document["state"], document["state"])
    return Action(**known)


def event_from(document: dict[str, Any]) -> Event:
    known = {name: value for name, value in document.items() if name in _EVENT_MEMBERS}
    if known.get("state") is not None:
        known["state"] = _STATES.get(known["state"], known["state"])
    if known.get("action") is not None:
        known["action"] = action_from(known["action"])
    return Event(**known)


def config_text(config: Config) -> bytes | None:
    if config is None:
        return None
    return as_json(config) if isinstance(config, Mapping) else Path(config).read_bytes()


class Client:
    """An open client of Cordon. Any thread may use it.

    with cordon.Client("/etc/cordon/cordon.json") as client: ...

    config   the configuration, as a mapping or the path of a file; None: the file named by $CORDON_CONFIG, then
             /etc/cordon/cordon.json
    library  the path of libcordon.so.1; None: $CORDON_LIBRARY, then where the loader finds it
    """

    def __init__(self, config: Config = None, *, library: str | None = None) -> None:
        self._handle = ctypes.c_void_p()
        self._library = _library.load(library)
        text = config_text(config)
        try:
            self._plain(lambda error: self._library.init(ABI_VERSION, text, ctypes.byref(self._handle), error))
        except BaseException:
            self.close()  # Ctrl-C waits for the end of opening
            raise

    # ---- Life ----

    def shutdown(self, timeout: float | None = None) -> None:
        """Refuses new work, lets go of calls that wait, leaves accepted requests to the ledger."""
        self._plain(lambda error: self._library.shutdown(self._handle, milliseconds(timeout), error))

    def close(self) -> None:
        """Shuts down and ends the client. It may be called again."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        if handle:
            free = self._library.client_free
            interruptible(lambda: bool(free(handle)), None)

    def reload(self, config: Config = None) -> None:
        """Takes over a changed configuration; on an error the old one stays."""
        text = config_text(config)
        self._plain(lambda error: self._library.reload(self._handle, text, error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            warnings.warn(f"{self!r} was not closed", ResourceWarning, stacklevel=2, source=self)
            self._library.client_free(self._handle)

    def __repr__(self) -> str:
        return f"<cordon.Client of {self._library.path}, {'open' if self._handle else 'closed'}>"

    @property
    def version(self) -> str:
        """The library's version."""
        return str(self._library.version().decode())

    @property
    def manifest(self) -> dict[str, Any]:
        """The plugin manifest: every operation with its parameters, permissions and what reverses it."""
        return self._library.manifest_document

    # ---- Acting ----

    def restrict_code_execution(
        self, machine_id: str, comment: str, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """Lets the device start only programs signed by Microsoft. `until="finished"` waits for the device."""
        arguments = encoded("machine_id", machine_id), encoded("comment", comment)
        function = self._library.restrict_code_execution
        return self._act(options, lambda text, *out: function(self._handle, *arguments, text, milliseconds(timeout), *out))

    def stop_and_quarantine(
        self, machine_id: str, sha1: str, comment: str, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """Stops a running file and quarantines it. There is no undo by API."""
        arguments = encoded("machine_id", machine_id), encoded("sha1", sha1), encoded("comment", comment)
        function = self._library.stop_and_quarantine
        return self._act(options, lambda text, *out: function(self._handle, *arguments, text, milliseconds(timeout), *out))

    def poll_action(self, id: str, *, wait: float | None = 0, **options: Unpack[Options]) -> Outcome:
        """Where an action or request stands; `wait` seconds for its end, 0: what the ledger knows, no network."""
        name = encoded("id", id)
        function = self._library.poll_action
        return self._act(options, lambda text, *out: function(self._handle, name, text, milliseconds(wait), *out))

    def act(
        self, operation: str, request: Mapping[str, Any] | None = None, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Outcome:
        """Any operation of the manifest that acts on a device ("isolate", "unrestrict_code_execution" …), and
        "get_request", whose answer is an outcome too."""
        if operation in self._library.kinds and operation not in self._library.with_outcome:
            raise ValueError(f"{operation} does not act on a device; use call")
        name = encoded("operation", operation)
        call = self._library.call
        return self._act(
            _options_of(request, options),
            lambda text, *out: call(self._handle, name, _with_options(request, text), milliseconds(timeout), *out),
        )

    def submit(self, operation: str, request: Mapping[str, Any] | None = None, **options: Unpack[Options]) -> str:
        """Records a request durably and returns its id at once; it is sent in the background, by this process or the
        next one. That it is recorded does not mean that it is done: poll_action tells. There is no dry run of it."""
        name = encoded("operation", operation)
        text = as_json(_request_with(request, options))
        call = self._library.submit
        status, request_id = interruptible(lambda: self._text(lambda *out: call(self._handle, name, text, *out)), None)
        if status != Status.OK:
            raise NotDone(known_status(status), request_id or None)
        return request_id

    def withdraw(self, request_id: str) -> None:
        """Takes back a request of which no byte has left."""
        name = encoded("request_id", request_id)
        self._plain(lambda error: self._library.withdraw(self._handle, name, error))

    def interrupt(self, call_id: str) -> None:
        """Wakes the call with this `call_id`, from another thread. Changes nothing at the service."""
        name = encoded("call_id", call_id)
        self._direct(lambda error: self._library.interrupt(self._handle, name, error))

    # ---- Reading ----

    def call(
        self, operation: str, request: Mapping[str, Any] | None = None, *, timeout: float | None = None, **options: Unpack[Options]
    ) -> Any:
        """Any operation of the manifest that does not act ("get_machine", "list_requests", "health" …): its result. A
        sign-in that waits for its person ("login", "login_status") is a result, whose "state" is "waiting"."""
        if operation in self._library.with_outcome:
            raise ValueError(f"the answer to {operation} is an outcome; use act")
        name = encoded("operation", operation)
        call = self._library.call

        def made(text: bytes) -> Any:
            whole = _with_options(request, text)
            status, document = self._text(lambda *out: call(self._handle, name, whole, milliseconds(timeout), *out))
            # What this manifest does not have may be an action, which is pending.
            waits = status == Status.PENDING and operation in self._library.kinds
            if status != Status.OK and not waits:
                raise NotDone(known_status(status), json.loads(document or "null"))
            return json.loads(document)

        return self._interruptible(_options_of(request, options), made)

    def next_event(self, *, wait: float | None = 0, after: int | None = None, scope: str | None = None) -> Event | None:
        """The next event of the journal, None when there is none within `wait` seconds. Without `after` it goes on
        behind the last one this client read. Nothing is consumed: an old cursor reads again."""
        options = {name: value for name, value in (("after", after), ("scope", scope)) if value is not None}
        function = self._library.next_event

        def made(text: bytes) -> Event | None:
            status, document = self._text(lambda *out: function(self._handle, text, milliseconds(wait), *out))
            if status == Status.NO_EVENT:
                return None
            if status != Status.OK:
                raise NotDone(known_status(status), json.loads(document or "null"))
            return event_from(json.loads(document))

        return self._interruptible(options, made)

    def event_fd(self) -> int:
        """A descriptor for select or poll, readable while unread events exist. The caller closes it."""
        fd = ctypes.c_int32(-1)
        try:
            self._plain(lambda error: self._library.event_fd(self._handle, ctypes.byref(fd), error))
        except BaseException:
            if fd.value >= 0:
                os.close(fd.value)
            raise
        return fd.value

    # ---- Vault: secrets go in and never come out ----

    def vault_unlock(self, kind: str, secret: Secret) -> None:
        """Offers a "key" or a "passphrase". The buffer is wiped, whatever happens."""
        self._secret(secret, self._library.vault_unlock, "kind", kind)

    def secret_set(self, name: str, value: Secret) -> None:
        """Stores a secret under a name. The buffer is wiped, whatever happens."""
        self._secret(value, self._library.secret_set, "name", name)

    def secret_remove(self, name: str) -> None:
        named = encoded("name", name)
        self._plain(lambda error: self._library.secret_remove(self._handle, named, error))

    def vault_status(self) -> dict[str, Any]:
        """The names of the secrets and the key slots, never a value."""
        function = self._library.vault_status
        status, document = interruptible(lambda: self._text(lambda *out: function(self._handle, *out)), None)
        if status != Status.OK:
            raise NotDone(known_status(status), json.loads(document or "null"))
        known: dict[str, Any] = json.loads(document)
        return known

    # ---- How a call is made ----

    def _interruptible(self, options: Mapping[str, Any], made: Callable[[bytes], T]) -> T:
        """Makes a call that Ctrl-C interrupts: its options carry a call id, the caller's or one of our own."""
        call_id = options.get("call_id") or f"python-{os.getpid()}-{next(_call_numbers)}"
        text = as_json({**options, "call_id": call_id})
        return interruptible(lambda: made(text), lambda: self._try_interrupt(call_id))

    def _act(self, options: Mapping[str, Any], function: Callable[..., Any]) -> Outcome:
        def made(text: bytes) -> Outcome:
            status, document = self._text(lambda *out: function(text, *out))
            return outcome_from(status, action_from(json.loads(document)))

        return self._interruptible(options, made)

    def _text(self, function: Callable[..., Any]) -> tuple[int, str]:
        """The status and the text of a call that gives one; raises its error."""
        text, error = ctypes.c_void_p(), ctypes.c_void_p()
        status = function(ctypes.byref(text), ctypes.byref(error))
        self._check(status, error)
        return status, self._library.text(text) if text else ""

    def _plain(self, function: Callable[..., Any]) -> None:
        """A call that gives nothing; raises its error. Ctrl-C waits for its end."""
        interruptible(lambda: self._direct(function), None)

    def _direct(self, function: Callable[..., Any]) -> None:
        error = ctypes.c_void_p()
        status = function(ctypes.byref(error))
        self._check(status, error)
        if status != Status.OK:
            raise NotDone(known_status(status), None)

    def _check(self, status: int, error: ctypes.c_void_p) -> None:
        if status >= 0:
            return
        try:
            raise error_from(self._library.error_json(error))
        finally:
            self._library.error_free(error)

    def _try_interrupt(self, call_id: str) -> None:
        try:
            self.interrupt(call_id)
        except (CordonError, NotDone):
            pass  # it does not wait yet, or no longer

    def _secret(self, secret: Secret, function: Callable[..., Any], name: str, text: str) -> None:
        """A call with a text, which is called `name`, and a secret."""
        view = memoryview(secret) if isinstance(secret, bytearray | memoryview) else None
        if view is None or view.readonly or not view.c_contiguous:
            raise TypeError("a secret is a bytearray, or another buffer that can be wiped; bytes and str cannot be")
        view = view.cast("B")
        size = view.nbytes
        borrowed = (ctypes.c_char * size).from_buffer(view)
        try:
            first = encoded(name, text)
            self._plain(
                lambda error: function(self._handle, first, ctypes.addressof(borrowed), size, error)
            )
        finally:
            ctypes.memset(ctypes.addressof(borrowed), 0, size)


def _request_with(request: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request, its options completed by the keyword arguments."""
    made = dict(request or {})
    merged = _options_of(request, options)
    if merged:
        made["options"] = merged
    return made


def _options_of(request: Mapping[str, Any] | None, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**(request or {}).get("options", {}), **options}


def _with_options(request: Mapping[str, Any] | None, options: bytes) -> bytes:
    """The request with these options, an encoded object."""
    rest = as_json({name: value for name, value in (request or {}).items() if name != "options"})
    return rest[:-1] + (b"," if len(rest) > 2 else b"") + b'"options":' + options + b"}"
