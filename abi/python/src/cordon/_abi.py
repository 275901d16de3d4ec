"""Numbers and signatures of the C ABI. Made by generate.py; change what it reads, not this file."""

import enum
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int32, c_size_t, c_uint32, c_void_p

ABI_VERSION = 1000000
SONAME = "libcordon.so.1"


class Status(enum.IntEnum):
    """What a call returned. 0 is success, above 0 a condition, below 0 an error."""

    OK = 0
    PENDING = 1
    ACTION_FAILED = 2
    ACTION_TIMED_OUT = 3
    ACTION_CANCELLED = 4
    ACTION_REJECTED = 5
    NOT_SENT = 6
    NO_EVENT = 7
    DRY_RUN = 8
    E_INTERNAL = -1
    E_INVALID_ARGUMENT = -2
    E_INVALID_STATE = -3
    E_UNSUPPORTED_ABI = -4
    E_NOT_SUPPORTED = -5
    E_OUT_OF_MEMORY = -6
    E_INVALID_HANDLE = -7
    E_SHUTTING_DOWN = -8
    E_FORKED = -9
    E_INTERRUPTED = -10
    E_DEADLINE = -11
    E_OUTCOME_UNKNOWN = -12
    E_NETWORK = -13
    E_TLS = -14
    E_UNAUTHENTICATED = -15
    E_PERMISSION_DENIED = -16
    E_NOT_FOUND = -17
    E_DEVICE_NOT_SUPPORTED = -18
    E_KEY_REUSED = -19
    E_ACTION_IN_PROGRESS = -20
    E_REFUSED_BY_POLICY = -21
    E_HALTED = -22
    E_RATE_LIMITED = -23
    E_SERVICE = -24
    E_INVALID_RESPONSE = -25
    E_VAULT_LOCKED = -26
    E_VAULT_CORRUPT = -27
    E_VAULT_WRONG_KEY = -28
    E_VAULT_PERMISSIONS = -29
    E_LEDGER = -30


class Api(Structure):
    """The table that cordon_get_api gives."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("abi_version", c_uint32),
        ("version", CFUNCTYPE(c_char_p)),
        ("manifest", CFUNCTYPE(c_char_p)),
        ("status_name", CFUNCTYPE(c_char_p, c_int32)),
        ("init", CFUNCTYPE(c_int32, c_uint32, c_char_p, POINTER(c_void_p), POINTER(c_void_p))),
        ("reload", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(c_void_p))),
        ("shutdown", CFUNCTYPE(c_int32, c_void_p, c_int32, POINTER(c_void_p))),
        ("client_free", CFUNCTYPE(None, c_void_p)),
        ("restrict_code_execution", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, c_char_p, c_int32, POINTER(c_void_p), POINTER(c_void_p))),
        ("stop_and_quarantine", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, c_char_p, c_char_p, c_int32, POINTER(c_void_p), POINTER(c_void_p))),
        ("poll_action", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, c_int32, POINTER(c_void_p), POINTER(c_void_p))),
        ("call", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, c_int32, POINTER(c_void_p), POINTER(c_void_p))),
        ("submit", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p))),
        ("next_event", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_int32, POINTER(c_void_p), POINTER(c_void_p))),
        ("event_fd", CFUNCTYPE(c_int32, c_void_p, POINTER(c_int32), POINTER(c_void_p))),
        ("withdraw", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(c_void_p))),
        ("interrupt", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(c_void_p))),
        ("vault_unlock", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_void_p))),
        ("secret_set", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_void_p))),
        ("secret_remove", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(c_void_p))),
        ("vault_status", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), POINTER(c_void_p))),
        ("vault_rekey", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p, c_size_t, c_int32, POINTER(c_void_p))),
        ("error_status", CFUNCTYPE(c_int32, c_void_p)),
        ("error_message", CFUNCTYPE(c_char_p, c_void_p)),
        ("error_json", CFUNCTYPE(c_char_p, c_void_p)),
        ("error_free", CFUNCTYPE(None, c_void_p)),
        ("string_free", CFUNCTYPE(None, c_void_p)),
    ]
