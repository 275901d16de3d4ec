"""Contain devices with Microsoft Defender for Endpoint, and know what became of it.

    with cordon.Client() as client:
        outcome = client.restrict_code_execution(device, "INC-7", until="finished", timeout=600)
        match outcome:
            case cordon.Succeeded(action): ...
            case cordon.Pending(action): ...  # not done yet: poll action.request_id
"""

from ._abi import ABI_VERSION, Status
from ._documents import Action, Event, Options, State
from ._library import LibraryError
from .aio import AsyncClient
from .client import Client
from .errors import (
    AccessError,
    CordonError,
    DeadlineError,
    InternalError,
    InterruptedError,
    LedgerError,
    NetworkError,
    NotDone,
    NothingSentError,
    OutcomeUnknown,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UsageError,
    VaultError,
)
from .outcomes import (
    Cancelled,
    DryRun,
    Failed,
    NotSent,
    Outcome,
    Pending,
    Rejected,
    Succeeded,
    TimedOut,
    Unrecognised,
    status_of,
)

__all__ = [
    "ABI_VERSION", "AccessError", "Action", "AsyncClient", "Cancelled", "Client", "CordonError", "DeadlineError",
    "DryRun", "Event", "Failed", "InternalError", "InterruptedError", "LedgerError", "LibraryError", "NetworkError",
    "NotDone", "NotSent", "NothingSentError", "Options", "Outcome", "OutcomeUnknown", "Pending", "RateLimitedError",
    "RefusedError", "Rejected", "ServiceError", "State", "Status", "Succeeded", "TimedOut", "Unrecognised",
    "UsageError", "VaultError", "status_of",
]  # fmt: skip
