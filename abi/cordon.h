/*
 * cordon.h: the C ABI of libcordon.so.1, version 1.0.0.
 *
 * Cordon contains devices with Microsoft Defender for Endpoint: it restricts app execution, stops and quarantines a
 * file, and follows an action to its real end. This header is the whole contract; it needs C99 or C++98, and nothing
 * but the two standard headers below.
 *
 * What holds for every function:
 *
 * - Status. An int32_t. 0 (CORDON_OK) is success. A number > 0 is a condition, never success: no error object, the
 *   document tells more. A number < 0 is an error. Treat an unknown number > 0 as "not success" and an unknown one < 0
 *   as an error that may be retried only if its JSON says "retryable":true.
 * - Outputs are always written, never read, and may be NULL when you do not want them. Status >= 0: *error is NULL, the
 *   other output is set (NULL where there is nothing to give). Status < 0: *error is set, even when memory ran out, the
 *   other output is NULL (a descriptor: -1).
 * - Text in is NUL-terminated UTF-8, borrowed for the time of the call. Text out (char **) is yours: give it back with
 *   cordon_string_free. Secrets are pointer + length, copied into guarded memory before the call returns; wipe your own
 *   copy. An error is yours: give it back with cordon_error_free.
 * - JSON: unknown keys of options and requests are errors that carry a JSON pointer; ignore unknown keys of what you
 *   receive. Times are RFC 3339 in UTC, durations are integers ending in _ms. Options may be NULL: none.
 * - Time-outs are in milliseconds: -1 = the configured default; > 0 = the deadline for everything (queue, quota, token,
 *   request); 0 = "what is known now" for cordon_poll_action and cordon_next_event, else invalid; < -1 is invalid.
 * - A call that ends early says on which side it is. CORDON_E_DEADLINE, CORDON_E_RATE_LIMITED and CORDON_E_INTERRUPTED
 *   from an acting call: nothing was sent and nothing will be. CORDON_E_OUTCOME_UNKNOWN: bytes may have left; do not
 *   repeat, poll the request id of the error; Cordon goes on looking.
 * - Handles. A cordon_client * is a token and no address. NULL, a freed handle or any other value gives
 *   CORDON_E_INVALID_HANDLE; a handle is never used again for another client.
 * - Thread tags: [any-thread] = from any thread at any time, also at once from several; [blocking] = may wait up to
 *   its time-out. 64 KiB of stack are enough. pthread_cancel acts when the call has returned, never within; what the
 *   call gave back is lost with the thread then, so look at list_requests. No function calls back, raises or handles
 *   signals, prints, changes the locale, exits, or lets an exception through.
 * - Signals. Dispositions, masks and the alternate stack stay yours; Cordon's threads block all signals but their
 *   own faults. SIGPIPE and SIGXFSZ for what a call writes (a log that nobody reads, a file at its limit) never
 *   arrive; it is an error or, for the log, nothing. One exception: libcurl 7.88 ignores SIGPIPE for a moment when a
 *   client ends; do not change its disposition on another thread meanwhile. A helper program of the configuration is
 *   a child of yours: it causes a SIGCHLD, and if you ignore that or reap every child, its exit code is lost and its
 *   output alone counts.
 * - Descriptors. All are close-on-exec; of what libcurl opens itself, a pair of sockets becomes so just after it was
 *   made (at init), another exists while a name is resolved. None stays among 0 to 2, also where you have them
 *   closed. When none is free, the error says so and names the remedy; nothing is sent twice for it. log.fd must
 *   stay open.
 * - Fork. In a child of a process that had a client at the fork every function that takes a client, and cordon_init,
 *   returns CORDON_E_FORKED; functions without a client go on working. Fork before cordon_init, or exec.
 * - Unload. The library stays in memory after dlclose (-z nodelete). Free your clients before you exit.
 * - Errors named at a function are those beyond CORDON_E_INVALID_HANDLE, _FORKED, _SHUTTING_DOWN, _INVALID_ARGUMENT
 *   (its message names the argument), _OUT_OF_MEMORY and _INTERNAL, which any function may return.
 */
#ifndef CORDON_H
#define CORDON_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CORDON_API __attribute__((visibility("default")))
#else
#define CORDON_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI this header describes: major * 1000000 + minor * 1000 + patch. Pass it to cordon_init. */
#define CORDON_ABI_VERSION 1000000

/* ---- Status: success and conditions. The numbers never change. ---- */

/* Done. From an acting call or a poll: the service said Succeeded. */
#define CORDON_OK 0
/* The service holds the action (or, after cordon_poll_action of a request, Cordon still does); it has not ended. */
#define CORDON_PENDING 1
/* The action ended as Failed on the device. */
#define CORDON_ACTION_FAILED 2
/* The action ended as TimeOut at the service, for instance because the device stayed away. */
#define CORDON_ACTION_TIMED_OUT 3
/* The action was cancelled at the service. */
#define CORDON_ACTION_CANCELLED 4
/* The service refused the request; there is no action. */
#define CORDON_ACTION_REJECTED 5
/* The request expired or was withdrawn before a byte of it left; nothing was sent and nothing will be. */
#define CORDON_NOT_SENT 6
/* No event within the time given. */
#define CORDON_NO_EVENT 7
/* All checks passed; nothing was sent because the call or the configuration asked for a dry run. */
#define CORDON_DRY_RUN 8

/* ---- Status: errors. The numbers never change. ---- */

/* A defect of Cordon; please report it. */
#define CORDON_E_INTERNAL (-1)
/* An argument, option, request or configuration is wrong; the error names it. */
#define CORDON_E_INVALID_ARGUMENT (-2)
/* Not possible in this state, for instance withdrawing a request that was sent. */
#define CORDON_E_INVALID_STATE (-3)
/* The host was built for another major version or a newer minor one. */
#define CORDON_E_UNSUPPORTED_ABI (-4)
/* This build, cloud or credential kind cannot do it. */
#define CORDON_E_NOT_SUPPORTED (-5)
/*
 * Memory ran out. If the call acts, its outcome is unknown: look it up before repeating it. When it ran out in the
 * midst of work for others than this call, every later call says so too (those that change the vault:
 * CORDON_E_SHUTTING_DOWN): free the client and open a new one, which goes on with what is recorded.
 */
#define CORDON_E_OUT_OF_MEMORY (-6)
/* The handle is NULL, freed, or none of ours. */
#define CORDON_E_INVALID_HANDLE (-7)
/* The client is being shut down, or was. */
#define CORDON_E_SHUTTING_DOWN (-8)
/* This process is a fork of one that had a client; use the parent, or exec. */
#define CORDON_E_FORKED (-9)
/* cordon_interrupt ended the call; an acting call sent nothing. */
#define CORDON_E_INTERRUPTED (-10)
/* The time was over; an acting call sent nothing. */
#define CORDON_E_DEADLINE (-11)
/* Bytes may have left and no answer came. Do not repeat; poll the request id of the error. */
#define CORDON_E_OUTCOME_UNKNOWN (-12)
/* The service could not be reached. */
#define CORDON_E_NETWORK (-13)
/* The TLS connection failed, or the certificate is not to be trusted. */
#define CORDON_E_TLS (-14)
/* No token, or the service did not take it. */
#define CORDON_E_UNAUTHENTICATED (-15)
/* The application lacks a permission; the error names it where the service does. */
#define CORDON_E_PERMISSION_DENIED (-16)
/* No such device, file, action or request. */
#define CORDON_E_NOT_FOUND (-17)
/* The device's platform or client version cannot do this. */
#define CORDON_E_DEVICE_NOT_SUPPORTED (-18)
/* The idempotency key or request id was used for a different request. */
#define CORDON_E_KEY_REUSED (-19)
/* Another action of this type is in progress on the device and does not match; its id is in the error. */
#define CORDON_E_ACTION_IN_PROGRESS (-20)
/* A guard rail refused; the error names the rule. */
#define CORDON_E_REFUSED_BY_POLICY (-21)
/* Sending is halted (operation "halt"); tracking goes on. */
#define CORDON_E_HALTED (-22)
/* No slot in the quota before the deadline; retry_after_ms tells when. An acting call sent nothing. */
#define CORDON_E_RATE_LIMITED (-23)
/* The service failed (5xx or an unknown error of its own). */
#define CORDON_E_SERVICE (-24)
/* The service answered something that is not its documented form. */
#define CORDON_E_INVALID_RESPONSE (-25)
/* The vault does not exist yet, or no key opened it. */
#define CORDON_E_VAULT_LOCKED (-26)
/* The vault file is damaged or was tampered with. */
#define CORDON_E_VAULT_CORRUPT (-27)
/* The key or passphrase does not open the vault. */
#define CORDON_E_VAULT_WRONG_KEY (-28)
/* The vault or key file is open to others, or not ours. */
#define CORDON_E_VAULT_PERMISSIONS (-29)
/* The ledger (state_dir) cannot be read or written. */
#define CORDON_E_LEDGER (-30)

/* ---- Types ---- */

/* A client: made by cordon_init, ended by cordon_client_free. A token that is never an address. */
typedef struct cordon_client cordon_client;

/* An error: owned by the host, immutable, given back with cordon_error_free. Readable from any thread. */
typedef struct cordon_error cordon_error;

/* ---- Discover: no client, no initialisation; the results are static and live as long as the process ---- */

/* The ABI version of the loaded library, as CORDON_ABI_VERSION. [any-thread] */
CORDON_API uint32_t cordon_abi_version(void);

/* The library's version as text, "1.0.0". Static; do not free. [any-thread] */
CORDON_API const char *cordon_version(void);

/* The plugin manifest: operations with their parameters, schemas, statuses. JSON. Static; do not free. [any-thread] */
CORDON_API const char *cordon_manifest(void);

/*
 * The name of the status constant, "CORDON_E_DEADLINE"; "CORDON_UNKNOWN" for a number that is none. Never NULL. Static;
 * do not free. [any-thread]
 */
CORDON_API const char *cordon_status_name(int32_t status);

typedef struct cordon_api_v1 cordon_api_v1;

/*
 * The table of all functions, so that one dlsym is enough. NULL for a major version this library does not have; today
 * there is only 1. Static; do not free. A later major version has a table type of its own, which begins with the same
 * two members. [any-thread]
 */
CORDON_API const cordon_api_v1 *cordon_get_api(uint32_t major);

/* ---- Life ---- */

/*
 * Opens a client: reads the configuration, the vault and the ledger, recovers what an earlier process left unfinished.
 * A vault that is missing, or has no usable key yet, is no error; its first use says CORDON_E_VAULT_LOCKED.
 *
 * host_abi     the CORDON_ABI_VERSION the host was compiled with: same major, minor not above the library's
 * config_json  the configuration (config.schema.json); NULL: the file named by $CORDON_CONFIG, then
 *              /etc/cordon/cordon.json
 * client       receives the handle; end it with cordon_client_free. If NULL the client is opened and closed again
 * error        receives the error
 *
 * Errors: UNSUPPORTED_ABI, LEDGER, VAULT_CORRUPT, VAULT_WRONG_KEY, VAULT_PERMISSIONS, NOT_SUPPORTED. [any-thread]
 * [blocking]
 */
CORDON_API int32_t cordon_init(uint32_t host_abi, const char *config_json, cordon_client **client,
                               cordon_error **error);

/*
 * Takes over a changed configuration, and the tenants' files as they are now: adds, changes and removes tenants while
 * calls run. A call under way for a changed tenant goes on. For a tenant that was removed nothing is sent any more:
 * blocking calls that have not sent are withdrawn (CORDON_NOT_SENT), those that wait for the end of an action return
 * CORDON_PENDING; other requests stay in the ledger and go on when a reload brings the tenant back, or expire. The
 * files that "http" names (CAs, client certificate and key) are read anew, also when the configuration is the same.
 * config_json as for cordon_init.
 *
 * Errors: INVALID_STATE: all was taken over, but the tenants that the message names can't be used, which harms no
 * other. With any other error the old configuration stays: INVALID_ARGUMENT (a key, or one that can't change while the
 * client lives), TLS (such a file that can't be used), NOT_SUPPORTED. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_reload(cordon_client *client, const char *config_json, cordon_error **error);

/*
 * Refuses new work, withdraws blocking calls that have not sent, leaves accepted requests to the ledger, and always
 * joins the client's threads. timeout_ms bounds the wait for transfers under way; those dropped become unknown and are
 * looked up by the next client. Afterwards every call answers SHUTTING_DOWN; the handle still wants cordon_client_free.
 * A second shutdown waits for the first. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_shutdown(cordon_client *client, int32_t timeout_ms, cordon_error **error);

/*
 * Shuts the client down with the configured time-out, if that has not been done, and ends the handle. Calls that wait
 * on other threads return SHUTTING_DOWN. NULL and ended handles are ignored, so it may be called again and from several
 * threads; in a forked child it does nothing. [any-thread] [blocking]
 */
CORDON_API void cordon_client_free(cordon_client *client);

/* ---- Act ---- */

/*
 * Restricts app execution on a device: only programs signed by a Microsoft-issued certificate may start afterwards
 * (mde-api section 4, restrictCodeExecution).
 *
 * machine_id    the device's id at the service: 40 hex digits
 * comment       why; stored by the service with the action
 * options_json  options (options.schema.json): tenant, request_id, idempotency_key, call_id, until, priority,
 *               valid_for_ms, labels, actor, dry_run, force_new, max_age_ms; NULL: none
 * timeout_ms    deadline of the call
 * action_json   receives the action document (action.schema.json); free with cordon_string_free
 *
 * Returns CORDON_OK only when the device did it. PENDING: the service holds the action; with "until":"finished" the
 * call waits for its end. Also ACTION_FAILED, ACTION_TIMED_OUT, ACTION_CANCELLED, ACTION_REJECTED, DRY_RUN.
 * Errors: DEADLINE, RATE_LIMITED, INTERRUPTED (nothing was sent); OUTCOME_UNKNOWN (do not repeat, poll); NETWORK, TLS,
 * UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, DEVICE_NOT_SUPPORTED, KEY_REUSED, ACTION_IN_PROGRESS,
 * REFUSED_BY_POLICY, HALTED, SERVICE, INVALID_RESPONSE, VAULT_*, LEDGER. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_restrict_code_execution(cordon_client *client, const char *machine_id, const char *comment,
                                                  const char *options_json, int32_t timeout_ms, char **action_json,
                                                  cordon_error **error);

/*
 * Stops a running file on a device, quarantines it and removes its persistence (mde-api section 4,
 * StopAndQuarantineFile). There is no undo by API.
 *
 * sha1  the file's SHA-1: 40 hex digits; the service takes no SHA-256 or MD5 here
 *
 * All else as cordon_restrict_code_execution. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_stop_and_quarantine(cordon_client *client, const char *machine_id, const char *sha1,
                                              const char *comment, const char *options_json, int32_t timeout_ms,
                                              char **action_json, cordon_error **error);

/*
 * Tells where an action stands.
 *
 * action_or_request_id  the service's action id, or a request id of Cordon
 * options_json          tenant, call_id, max_age_ms (how old an answer may be); NULL: none
 * wait_ms               how long to wait for the action's end; 0: what the ledger knows, without the network
 * action_json           receives the action document; free with cordon_string_free
 *
 * Returns CORDON_OK only when the service said Succeeded, PENDING while it has not ended (also when wait_ms is over),
 * ACTION_FAILED, ACTION_TIMED_OUT, ACTION_CANCELLED, ACTION_REJECTED, NOT_SENT. Errors: OUTCOME_UNKNOWN while it is not
 * known whether the request arrived; NOT_FOUND (retryable where the service may only not show the action yet),
 * INTERRUPTED, NETWORK, TLS, UNAUTHENTICATED, PERMISSION_DENIED, SERVICE, LEDGER (mde-api sections 5.3, 6).
 * [any-thread] [blocking]
 */
CORDON_API int32_t cordon_poll_action(cordon_client *client, const char *action_or_request_id, const char *options_json,
                                      int32_t wait_ms, char **action_json, cordon_error **error);

/*
 * Any operation of the manifest, by name.
 *
 * operation     "isolate", "get_request", "containment_status", "health", "halt" and more: see cordon_manifest()
 * request_json  its parameters, with the member "options" as above; NULL: {}
 * timeout_ms    deadline of the call
 * result_json   receives the operation's result, or the action document; free with cordon_string_free
 *
 * Status and errors as cordon_restrict_code_execution for operations that act; CORDON_OK = answered for those that
 * read, PENDING from a sign-in that waits for its person. Errors: NOT_SUPPORTED for an operation that is not in the
 * manifest, INVALID_STATE from cancel_action when the service does not cancel the action. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_call(cordon_client *client, const char *operation, const char *request_json,
                               int32_t timeout_ms, char **result_json, cordon_error **error);

/* ---- Asynchronous ---- */

/*
 * Records a request durably and returns at once; it is sent in the background, by this process or the next one, until
 * valid_for_ms (option; default 15 minutes) is over. Follow it with cordon_poll_action or cordon_next_event.
 *
 * request_id  receives the request id, a UUID; free with cordon_string_free
 *
 * Returns CORDON_OK = recorded (not: done). Errors: those of checks without the network: INVALID_ARGUMENT (a dry run
 * too: it has no request id; use cordon_call), NOT_SUPPORTED, KEY_REUSED, REFUSED_BY_POLICY, HALTED, LEDGER.
 * [any-thread]
 */
CORDON_API int32_t cordon_submit(cordon_client *client, const char *operation, const char *request_json,
                                 char **request_id, cordon_error **error);

/*
 * Reads the next event of the journal. Events are consumed by nobody: nothing is dropped, and a reader that was killed
 * reads again from its cursor.
 *
 * options_json  {"after":cursor,"scope":"client"|"all"}; NULL: after the last event this client read. "client": of this
 *               client's requests, and of those of other clients that its calls have joined (the newest 1,000)
 * wait_ms       how long to wait for one; 0: only what is there
 * event_json    receives the event (event.schema.json) with its cursor; free with cordon_string_free; NULL for NO_EVENT
 *
 * Returns CORDON_OK or NO_EVENT. Errors: LEDGER. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_next_event(cordon_client *client, const char *options_json, int32_t wait_ms,
                                     char **event_json, cordon_error **error);

/*
 * A descriptor for poll, select or epoll that is readable while unread events exist: records behind what the client's
 * last cordon_next_event returned, or behind all that was there when it returned NO_EVENT. So read until NO_EVENT
 * before you wait; several readers with cursors of their own share one descriptor. Reading from it is harmless and not
 * needed. *fd receives a fresh close-on-exec duplicate that is yours to close, -1 on an error; with NULL none is made.
 * [any-thread]
 */
CORDON_API int32_t cordon_event_fd(cordon_client *client, int32_t *fd, cordon_error **error);

/*
 * Takes back a request of which no byte has left; it ends as "withdrawn". Changes nothing at the service. CORDON_OK too
 * for one that is withdrawn already. Errors: INVALID_STATE (sent, or ended otherwise), NOT_FOUND, LEDGER. [any-thread]
 */
CORDON_API int32_t cordon_withdraw(cordon_client *client, const char *request_id, cordon_error **error);

/*
 * Wakes the blocking call that carries this "call_id" in its options; it returns INTERRUPTED, or OUTCOME_UNKNOWN if
 * bytes have left. Changes nothing at the service; to cancel there, call the operation "cancel_action".
 * Errors: NOT_FOUND if no such call is waiting. [any-thread]
 */
CORDON_API int32_t cordon_interrupt(cordon_client *client, const char *call_id, cordon_error **error);

/* ---- Vault: secrets go in and never come out ---- */

/*
 * Offers a key for the vault.
 *
 * kind    "key" (32 bytes, or 64 hex digits) or "passphrase"
 * secret  the bytes, borrowed for the call; may be NULL only with len 0
 * len     their number
 *
 * Derives a passphrase's key (Argon2id) on the caller's thread. Errors: VAULT_WRONG_KEY, VAULT_CORRUPT,
 * VAULT_PERMISSIONS. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_vault_unlock(cordon_client *client, const char *kind, const void *secret, size_t len,
                                       cordon_error **error);

/*
 * Stores a secret under a name, replacing an older one; the first makes the vault file. value and len as for
 * cordon_vault_unlock. Errors: VAULT_LOCKED, VAULT_CORRUPT, VAULT_PERMISSIONS. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_secret_set(cordon_client *client, const char *name, const void *value, size_t len,
                                     cordon_error **error);

/* Removes a secret. Errors: NOT_FOUND, VAULT_LOCKED, VAULT_CORRUPT, VAULT_PERMISSIONS. [any-thread] [blocking] */
CORDON_API int32_t cordon_secret_remove(cordon_client *client, const char *name, cordon_error **error);

/*
 * The names of the secrets and the key slots, never a value: {file, state, vault_id, generation, slots:[{kind,id}],
 * secrets:[{name,purpose,created,not_after}], sources, memory_locked, warnings:[{kind,message}], problem}. state:
 * "absent" (no vault configured), "memory" (secrets live in this process only), "missing" (no file yet), "locked",
 * "unlocked", "rolled_back" (an older copy was put in the file's place), "unusable" (see problem). Warnings: secrets
 * that expire within 30 days or have, weak key sources, memory that could not be locked. *status_json receives the
 * document; free with cordon_string_free. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_vault_status(cordon_client *client, char **status_json, cordon_error **error);

/*
 * Changes the vault's key slots or rotates its store key, in one save.
 *
 * options_json  {"action": …}; NULL: {"action":"rotate"}.
 *   "add_slot"         a slot for the new secret
 *   "replace_slot"     the same, and the slot "slot" (default: the only one of that kind) goes: a changed passphrase,
 *                      cost or key
 *   "remove_slot"      the slot "slot" goes. Revokes nothing: its holder may know the store key
 *   "rotate"           a new store key. Slots whose key or passphrase is at hand (key sources, cordon_vault_unlock)
 * stay; the others must be named in "drop_slots":[id]. A new secret becomes one more slot. The ledger follows
 *   "accept_restored"  an older copy of the file was put in place on purpose: from now on it counts as the newest
 *   Of the new secret: "kind" ("key" or "passphrase"); of a new passphrase: "passes" (1 to 10, default 3) and
 *   "memory_kib" (65536 to 1048576, default 262144) of Argon2id.
 * new_secret    the new key or passphrase, borrowed for the call; may be NULL only with len 0
 * len           its number of bytes
 * timeout_ms    how long to wait for another writer of the vault
 *
 * Errors: INVALID_STATE (no way into the vault would be left; a slot can't be kept; no vault file), NOT_FOUND (slot),
 * VAULT_LOCKED, VAULT_CORRUPT, VAULT_PERMISSIONS, DEADLINE, LEDGER. [any-thread] [blocking]
 */
CORDON_API int32_t cordon_vault_rekey(cordon_client *client, const char *options_json, const void *new_secret,
                                      size_t len, int32_t timeout_ms, cordon_error **error);

/* ---- Errors and memory ---- */

/* The status the error came with. CORDON_E_INVALID_ARGUMENT for NULL: no error is not success. [any-thread] */
CORDON_API int32_t cordon_error_status(const cordon_error *error);

/*
 * One English line: what, where, what to do. No secret, body or configured value is in it. Owned by the error; never
 * NULL, also for NULL. [any-thread]
 */
CORDON_API const char *cordon_error_message(const cordon_error *error);

/*
 * The error as JSON: status, name, message, retryable, outcome_unknown, retry_after_ms, http_status, service_code,
 * service_correlation_id, request_id, action_id, pointer; null where not known. Owned by the error; never NULL, also
 * for NULL. [any-thread]
 */
CORDON_API const char *cordon_error_json(const cordon_error *error);

/* Gives an error back. NULL is ignored. Once per error. [any-thread] */
CORDON_API void cordon_error_free(cordon_error *error);

/* Gives a text back that came through a char **. NULL is ignored. Once per text. [any-thread] */
CORDON_API void cordon_string_free(char *text);

/* ---- The table ---- */

/*
 * Every function above under its short name. Append-only: a later minor version adds members at the end, so a member is
 * there if its offset plus its size is at most struct_size.
 */
struct cordon_api_v1 {
  uint32_t struct_size; /* bytes of the library's table */
  uint32_t abi_version; /* as cordon_abi_version() */

  const char *(*version)(void);
  const char *(*manifest)(void);
  const char *(*status_name)(int32_t status);

  int32_t (*init)(uint32_t host_abi, const char *config_json, cordon_client **client, cordon_error **error);
  int32_t (*reload)(cordon_client *client, const char *config_json, cordon_error **error);
  int32_t (*shutdown)(cordon_client *client, int32_t timeout_ms, cordon_error **error);
  void (*client_free)(cordon_client *client);

  int32_t (*restrict_code_execution)(cordon_client *client, const char *machine_id, const char *comment,
                                     const char *options_json, int32_t timeout_ms, char **action_json,
                                     cordon_error **error);
  int32_t (*stop_and_quarantine)(cordon_client *client, const char *machine_id, const char *sha1, const char *comment,
                                 const char *options_json, int32_t timeout_ms, char **action_json,
                                 cordon_error **error);
  int32_t (*poll_action)(cordon_client *client, const char *action_or_request_id, const char *options_json,
                         int32_t wait_ms, char **action_json, cordon_error **error);
  int32_t (*call)(cordon_client *client, const char *operation, const char *request_json, int32_t timeout_ms,
                  char **result_json, cordon_error **error);

  int32_t (*submit)(cordon_client *client, const char *operation, const char *request_json, char **request_id,
                    cordon_error **error);
  int32_t (*next_event)(cordon_client *client, const char *options_json, int32_t wait_ms, char **event_json,
                        cordon_error **error);
  int32_t (*event_fd)(cordon_client *client, int32_t *fd, cordon_error **error);
  int32_t (*withdraw)(cordon_client *client, const char *request_id, cordon_error **error);
  int32_t (*interrupt)(cordon_client *client, const char *call_id, cordon_error **error);

  int32_t (*vault_unlock)(cordon_client *client, const char *kind, const void *secret, size_t len,
                          cordon_error **error);
  int32_t (*secret_set)(cordon_client *client, const char *name, const void *value, size_t len, cordon_error **error);
  int32_t (*secret_remove)(cordon_client *client, const char *name, cordon_error **error);
  int32_t (*vault_status)(cordon_client *client, char **status_json, cordon_error **error);
  int32_t (*vault_rekey)(cordon_client *client, const char *options_json, const void *new_secret, size_t len,
                         int32_t timeout_ms, cordon_error **error);

  int32_t (*error_status)(const cordon_error *error);
  const char *(*error_message)(const cordon_error *error);
  const char *(*error_json)(const cordon_error *error);
  void (*error_free)(cordon_error *error);
  void (*string_free)(char *text);
};

#ifdef __cplusplus
}
#endif

#endif /* CORDON_H */
