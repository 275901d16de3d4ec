import { Status, type ErrorCode } from './contract.js';

/** What the library says about an error. It never holds a secret, a body or a configured value. */
export interface ErrorDocument {
  readonly status: number;
  /** The status' constant, 'CORDON_E_DEADLINE'. */
  readonly name: ErrorCode;
  /** One English line: what, where, what to do. */
  readonly message: string;
  readonly retryable: boolean;
  /** The request may be at the service: do not repeat it, follow its request id. */
  readonly outcomeUnknown: boolean;
  readonly retryAfterMs: number | null;
  readonly httpStatus: number | null;
  /** The service's own word for the error. */
  readonly serviceCode: string | null;
  /** By which the service's operator finds the call. */
  readonly serviceCorrelationId: string | null;
  readonly requestId: string | null;
  readonly actionId: string | null;
  /** JSON pointer to the member of the request, the options or the configuration that is wrong. */
  readonly pointer: string | null;
  /** The document as the library gave it, with members that this binding does not know. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** The members of an error's document. */
export const errorMembers: readonly string[] = [
  'status', 'name', 'message', 'retryable', 'outcome_unknown', 'retry_after_ms', 'http_status', 'service_code',
  'service_correlation_id', 'request_id', 'action_id', 'pointer',
];

/**
 * A call that failed. From an acting call it means that nothing was sent and nothing will be, or that the service
 * refused, except when it is an OutcomeUnknownError.
 */
export class CordonError extends Error {
  override readonly name: string = 'CordonError';
  /** 'CORDON_E_DEADLINE' and the like. */
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly requestId: string | null;
  readonly actionId: string | null;
  /** JSON pointer to the member of the request, the options or the configuration that is wrong. */
  readonly pointer: string | null;
  /** All that the library says. */
  readonly document: ErrorDocument;

  constructor(document: ErrorDocument) {
    super(document.message);
    this.code = document.name;
    this.status = document.status;
    this.retryable = document.retryable;
    this.retryAfterMs = document.retryAfterMs;
    this.requestId = document.requestId;
    this.actionId = document.actionId;
    this.pointer = document.pointer;
    this.document = document;
  }
}

/**
 * The request may have reached the service and no answer came. Do not repeat it: follow its requestId. Cordon goes on
 * looking.
 */
export class OutcomeUnknownError extends CordonError {
  override readonly name: string = 'OutcomeUnknownError';
}

export function errorOf(document: ErrorDocument): CordonError {
  return document.outcomeUnknown ? new OutcomeUnknownError(document) : new CordonError(document);
}

/** For a wait that the library can no longer be asked about, because its client has ended. */
export function clientEnded(): CordonError {
  return ownError(Status.SHUTTING_DOWN, 'CORDON_E_SHUTTING_DOWN',
                  'the client was closed; its requests go on with the next client of this ledger');
}

/**
 * For a call whose answer is no action and that came back with a condition, as a newer library may: no success.
 *
 * @param recorded the id of a request that may have been recorded: it is sent then, so do not repeat it
 */
export function noSuccess(call: string, condition: string, status: number, recorded?: { requestId: string | null }): CordonError {
  const message = `${call} came back with ${condition} (${status}), which is no success; update this package`;
  return ownError(Status.NOT_SUPPORTED, 'CORDON_E_NOT_SUPPORTED', message, recorded);
}

function ownError(status: number, name: ErrorCode, message: string, recorded?: { requestId: string | null }): CordonError {
  const raw = { status, name, message };
  return errorOf({
    ...raw, retryable: false, outcomeUnknown: recorded !== undefined, retryAfterMs: null, httpStatus: null, serviceCode: null,
    serviceCorrelationId: null, requestId: recorded?.requestId ?? null, actionId: null, pointer: null, raw,
  });
}
