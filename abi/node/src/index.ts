export { Client, type EventOptions, type OpenOptions } from './client.js';
export { Status, type Action, type ActingOperation, type ActionState, type CallOptions, type ConditionCode,
         type CordonEvent, type ErrorCode, type ReadingOperation } from './contract.js';
export { CordonError, OutcomeUnknownError, type ErrorDocument } from './errors.js';
export { library, type Library } from './library.js';
export { type ActionResult, type Limits } from './results.js';
