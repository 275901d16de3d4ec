import type { Action, ConditionCode } from './contract.js';

/**
 * What is known of an action. There is no "ok": a caller looks at `kind`, and the compiler sees to it that none is left
 * out.
 */
export type ActionResult =
  /** The service said that the device did it. */
  | { readonly kind: 'succeeded'; readonly code: 'CORDON_OK'; readonly action: Action }
  /** The service, or Cordon, holds the request; it has not ended. Nothing is contained yet. */
  | { readonly kind: 'pending'; readonly code: 'CORDON_PENDING'; readonly action: Action }
  /** It ended otherwise: failed, given up, cancelled, rejected, never sent, or only checked. */
  | { readonly kind: 'not_done'; readonly code: ConditionCode; readonly action: Action };

/** How a call may end early. Neither ever takes a request back of which a byte has left. */
export interface Limits {
  /** The deadline; left out: the configured one. */
  timeoutMs?: number;
  /** Wakes the call and changes nothing at the service. */
  signal?: AbortSignal;
}
