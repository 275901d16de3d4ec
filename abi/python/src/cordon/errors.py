"""What can go wrong: a class per family of statuses, so that an except clause can say what it means to handle."""

import json
from typing import Any

from ._abi import Status

__all__ = [
    "AccessError", "CordonError", "DeadlineError", "InternalError", "InterruptedError", "LedgerError", "NetworkError",
    "NotDone", "NothingSentError", "OutcomeUnknown", "RateLimitedError", "RefusedError", "ServiceError", "UsageError",
    "VaultError",
]  # fmt: skip


class CordonError(Exception):
    """An error of the library. The text says what, where, and what to do; no secret is in it."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(f"{document['name']}: {document['message']}")
        self.document = document
        self.status: Status | int = known_status(document["status"])
        self.name: str = document["name"]
        self.message: str = document["message"]
        self.retryable: bool = document["retryable"]
        self.outcome_unknown: bool = document["outcome_unknown"]
        self.retry_after_ms: int | None = document["retry_after_ms"]
        self.http_status: int | None = document["http_status"]
        self.service_code: str | None = document["service_code"]
        self.service_correlation_id: str | None = document["service_correlation_id"]
        self.request_id: str | None = document["request_id"]
        self.action_id: str | None = document["action_id"]
        self.pointer: str | None = document["pointer"]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.document,)


class UsageError(CordonError):
    """The call cannot be made like this: an argument, the state of the client, or what this build offers."""


class NothingSentError(CordonError):
    """The call ended early. From a call that acts: nothing was sent and nothing will be."""


class DeadlineError(NothingSentError, TimeoutError):
    """The time was over."""


class InterruptedError(NothingSentError):  # noqa: A001 (the name of the status)
    """The call was interrupted."""


class RateLimitedError(NothingSentError):
    """No slot in the quota before the deadline; retry_after_ms tells when."""


class OutcomeUnknown(CordonError):
    """Bytes may have left and no answer came. Do not repeat: poll `request_id`. Cordon goes on looking. Whatever the
    status: when memory runs out or a defect stops the call, there may be no `request_id`; list_requests tells then."""


class NetworkError(CordonError):
    """The service was not reached, or its certificate is not to be trusted."""


class AccessError(CordonError):
    """No token, or a permission is missing."""


class RefusedError(CordonError):
    """It cannot or must not be done: no such device, not supported by it, in progress, against the policy, halted."""


class ServiceError(CordonError):
    """The service failed, or answered in a form that is not documented."""


class VaultError(CordonError):
    """The vault is locked, damaged, wrongly keyed, or open to others."""


class LedgerError(CordonError):
    """The state directory cannot be read or written."""


class InternalError(CordonError):
    """A defect of Cordon, or memory ran out, and nothing was sent."""


class NotDone(Exception):
    """A call whose answer is no outcome came back with a condition that is no success and no error, as a newer library
    may have it."""

    def __init__(self, status: Status | int, document: Any) -> None:
        super().__init__(f"not done: {getattr(status, 'name', status)}")
        self.status = status
        self.document = document


FAMILIES: dict[Status, type[CordonError]] = {
    Status.E_INTERNAL: InternalError,
    Status.E_INVALID_ARGUMENT: UsageError,
    Status.E_INVALID_STATE: UsageError,
    Status.E_UNSUPPORTED_ABI: UsageError,
    Status.E_NOT_SUPPORTED: UsageError,
    Status.E_OUT_OF_MEMORY: InternalError,
    Status.E_INVALID_HANDLE: UsageError,
    Status.E_SHUTTING_DOWN: UsageError,
    Status.E_FORKED: UsageError,
    Status.E_INTERRUPTED: InterruptedError,
    Status.E_DEADLINE: DeadlineError,
    Status.E_OUTCOME_UNKNOWN: OutcomeUnknown,
    Status.E_NETWORK: NetworkError,
    Status.E_TLS: NetworkError,
    Status.E_UNAUTHENTICATED: AccessError,
    Status.E_PERMISSION_DENIED: AccessError,
    Status.E_NOT_FOUND: RefusedError,
    Status.E_DEVICE_NOT_SUPPORTED: RefusedError,
    Status.E_KEY_REUSED: UsageError,
    Status.E_ACTION_IN_PROGRESS: RefusedError,
    Status.E_REFUSED_BY_POLICY: RefusedError,
    Status.E_HALTED: RefusedError,
    Status.E_RATE_LIMITED: RateLimitedError,
    Status.E_SERVICE: ServiceError,
    Status.E_INVALID_RESPONSE: ServiceError,
    Status.E_VAULT_LOCKED: VaultError,
    Status.E_VAULT_CORRUPT: VaultError,
    Status.E_VAULT_WRONG_KEY: VaultError,
    Status.E_VAULT_PERMISSIONS: VaultError,
    Status.E_LEDGER: LedgerError,
}


def known_status(number: int) -> Status | int:
    """The constant, or the bare number of a newer library."""
    try:
        return Status(number)
    except ValueError:
        return number


def error_from(text: bytes) -> CordonError:
    document = json.loads(text)
    status = known_status(document["status"])
    family: type[CordonError] = CordonError
    if document["outcome_unknown"]:
        family = OutcomeUnknown
    elif isinstance(status, Status):
        family = FAMILIES.get(status, CordonError)
    return family(document)
