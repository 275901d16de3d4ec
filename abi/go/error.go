package cordon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Status is a number that a call ends with, at least 0. See StatusOK and its siblings.
type Status int32

func (s Status) String() string { return constantName(int32(s)) }

// ErrorCode is a kind of error: a number below 0. It is an error itself, for errors.Is(err, cordon.ErrDeadline).
type ErrorCode int32

func (c ErrorCode) Error() string { return constantName(int32(c)) }

// Error is what went wrong, in the library's words; never a secret, a body or a configured value.
type Error struct {
	Code           ErrorCode
	Message        string        // one English line: what, where, what to do
	Retryable      bool          // the same call may succeed later
	OutcomeUnknown bool          // bytes may have left: do not repeat, follow RequestID, or look at list_requests
	RetryAfter     time.Duration // 0: not known
	HTTPStatus     int           // 0: no answer
	ServiceCode    string
	CorrelationID  string
	RequestID      string
	ActionID       string
	Pointer        string // the member of the request, options or configuration that is wrong

	cause error
}

// Error says which kind it is and what to do.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code.Error(), e.Message) }

// Is makes errors.Is(err, cordon.ErrRateLimited) true for errors of that code. Whatever the code is, an error that leaves
// the outcome unknown is ErrOutcomeUnknown too, as when memory runs out in a call.
func (e *Error) Is(target error) bool {
	code, ok := target.(ErrorCode)
	return ok && (code == e.Code || code == ErrOutcomeUnknown && e.OutcomeUnknown)
}

// Unwrap is the context's error if that ended the call; one that acts has sent nothing then, and nothing will be. An
// unknown outcome unwraps to nothing: it must not pass for a mere cancellation.
func (e *Error) Unwrap() error { return e.cause }

// UnmarshalJSON reads an error document.
func (e *Error) UnmarshalJSON(text []byte) error {
	var document struct {
		Status         int32  `json:"status"`
		Message        string `json:"message"`
		Retryable      bool   `json:"retryable"`
		OutcomeUnknown bool   `json:"outcome_unknown"`
		RetryAfterMS   int64  `json:"retry_after_ms"`
		HTTPStatus     int    `json:"http_status"`
		ServiceCode    string `json:"service_code"`
		CorrelationID  string `json:"service_correlation_id"`
		RequestID      string `json:"request_id"`
		ActionID       string `json:"action_id"`
		Pointer        string `json:"pointer"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	*e = Error{
		Code:           ErrorCode(document.Status),
		Message:        document.Message,
		Retryable:      document.Retryable,
		OutcomeUnknown: document.OutcomeUnknown,
		RetryAfter:     time.Duration(document.RetryAfterMS) * time.Millisecond,
		HTTPStatus:     document.HTTPStatus,
		ServiceCode:    document.ServiceCode,
		CorrelationID:  document.CorrelationID,
		RequestID:      document.RequestID,
		ActionID:       document.ActionID,
		Pointer:        document.Pointer,
	}
	return nil
}

// refused is an error of this package, in the form of the library's.
func refused(code ErrorCode, message string) *Error { return &Error{Code: code, Message: message} }

// because remembers that the context ended the call, unless the outcome is unknown.
func because(ctx context.Context, err error) error {
	e, ok := err.(*Error)
	if ok && ctx.Err() != nil && !e.OutcomeUnknown && (e.Code == ErrInterrupted || e.Code == ErrDeadline) {
		e.cause = ctx.Err()
	}
	return err
}

// overBefore is the error of a call whose context had ended before it began; nil if it had not.
func overBefore(ctx context.Context) error {
	switch ctx.Err() {
	case nil:
		return nil
	case context.DeadlineExceeded:
		return because(ctx, refused(ErrDeadline, "the context's deadline had passed before the call; nothing was sent"))
	default:
		return because(ctx, refused(ErrInterrupted, "the context was cancelled before the call; nothing was sent"))
	}
}
