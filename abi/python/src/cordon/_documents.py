"""The documents of the C ABI, as types. Made by generate.py; change what it reads, not this file."""

import enum
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict


class State(enum.StrEnum):
    """Where a request stands."""

    QUEUED = "queued"
    SENDING = "sending"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Where an action stands. Times are RFC 3339, UTC."""

    request_id: str | None
    """Null for an action Cordon did not ask for."""
    action_id: str | None
    """The service's id; null before it is known."""
    tenant: str
    """Name in the config."""
    tenant_id: str | None = None
    operation: str | None
    """Null for an action of a type that no operation starts."""
    machine_id: str | None
    parameters: dict[str, Any]
    """The request's members that tell actions of one kind apart."""
    state: State | str | None
    """Null in a dry run, which makes no request."""
    status: str | None
    """The service's own word."""
    adopted: bool
    """True when the action existed before this request and does what it asked for."""
    requestor: str | None = None
    comment: str | None = None
    external_id: str | None = None
    computer_name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    actor: str | None = None
    created_at: str | None = None
    """Time of the service, RFC 3339 UTC."""
    updated_at: str | None = None
    """Time of the service, RFC 3339 UTC."""
    observed_at: str | None = None
    """When Cordon last saw it, by the host's clock."""
    expires_at: str | None = None
    """After this time the request is not sent any more."""
    error_hresult: int | None = None
    """What the device reported; 0 for no error."""
    error_text: str | None = None
    service_host: str | None = None
    undo: str | None = None
    """The operation that reverses this one."""
    undo_remark: str | None = None
    """What a person has to do where no operation does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record of the journal."""

    cursor: int
    """Give it back as `after` to go on behind this event."""
    kind: str
    """What happened, for example state_changed."""
    at: str
    """When it was recorded, RFC 3339 UTC."""
    request_id: str | None = None
    action_id: str | None = None
    tenant: str | None = None
    operation: str | None = None
    machine_id: str | None = None
    state: State | str | None = None
    previous_state: str | None = None
    actor: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    message: str | None = None
    error: dict[str, Any] | None = None
    """In the form of cordon_error_json."""
    action: Action | None = None
    """The action document after the event."""
    details: dict[str, Any] | None = None


class Options(TypedDict, total=False):
    """Options of a call."""

    tenant: str
    """Name of the tenant in the config. Default: default_tenant, or the only one."""
    request_id: str
    """A UUID made by the host, by which the request can be found again. Default: made by Cordon."""
    idempotency_key: str
    """The same key with the same request returns the recorded one; with another request it is an error."""
    call_id: str
    """By this name cordon_interrupt finds the waiting call."""
    until: Literal["accepted", "finished"]
    """Return when the service holds the action, or when it has ended."""
    priority: Literal["urgent", "normal", "bulk"]
    valid_for_ms: int
    """After this time nothing is sent any more. Default: the call's deadline; for submit 15 minutes."""
    labels: dict[str, str]
    """What the host wants to find the request by: case, run …"""
    actor: str
    """The person or playbook on whose behalf this happens, for the journal."""
    dry_run: bool
    """Check everything and send nothing."""
    force_new: bool
    """Do not join an equal request that has not ended."""
    max_age_ms: int
    """For reads and poll: how old what the ledger knows may be before the service is asked."""
