"""What became of an action: one class per answer. Only Succeeded means that the device did it."""

from dataclasses import dataclass
from typing import NoReturn

from ._abi import Status
from ._documents import Action

__all__ = [
    "Cancelled", "DryRun", "Failed", "NotSent", "Outcome", "Pending", "Rejected", "Succeeded", "TimedOut", "Unrecognised",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Outcome:
    action: Action

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "an outcome is neither true nor false; match on its class: Succeeded means done on the device, Pending that "
            "it is not known yet"
        )


@dataclass(frozen=True, slots=True)
class Succeeded(_Outcome):
    """The service said Succeeded: the device did it."""


@dataclass(frozen=True, slots=True)
class Pending(_Outcome):
    """Not done yet: the service holds the action, or Cordon still does. Poll action.request_id."""


@dataclass(frozen=True, slots=True)
class Failed(_Outcome):
    """It failed on the device; action.error_text says why, as far as the device told."""


@dataclass(frozen=True, slots=True)
class TimedOut(_Outcome):
    """The service gave up, for instance because the device stayed away."""


@dataclass(frozen=True, slots=True)
class Cancelled(_Outcome):
    """It was cancelled at the service."""


@dataclass(frozen=True, slots=True)
class Rejected(_Outcome):
    """The service refused the request; there is no action."""


@dataclass(frozen=True, slots=True)
class NotSent(_Outcome):
    """Expired or withdrawn before a byte of it left; nothing was sent and nothing will be."""


@dataclass(frozen=True, slots=True)
class DryRun(_Outcome):
    """All checks passed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Unrecognised(_Outcome):
    """A condition of a newer library; not success."""

    status: int


Outcome = Succeeded | Pending | Failed | TimedOut | Cancelled | Rejected | NotSent | DryRun | Unrecognised

CLASSES: dict[int, type[_Outcome]] = {
    Status.OK: Succeeded,
    Status.PENDING: Pending,
    Status.ACTION_FAILED: Failed,
    Status.ACTION_TIMED_OUT: TimedOut,
    Status.ACTION_CANCELLED: Cancelled,
    Status.ACTION_REJECTED: Rejected,
    Status.NOT_SENT: NotSent,
    Status.DRY_RUN: DryRun,
}
STATUS_OF = {made: Status(status) for status, made in CLASSES.items()}


def outcome_from(status: int, action: Action) -> Outcome:
    made = CLASSES.get(status)
    outcome = Unrecognised(action, status) if made is None else made(action)
    return outcome  # type: ignore[return-value]


def status_of(outcome: Outcome) -> Status | int:
    """The status the outcome came with."""
    return outcome.status if isinstance(outcome, Unrecognised) else STATUS_OF[type(outcome)]
