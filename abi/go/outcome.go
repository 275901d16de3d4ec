package cordon

import "encoding/json"

// Outcome is where an action stands. It is exactly one of Done, Pending, Failed, TimedOut, Cancelled, Rejected, NotSent,
// DryRun and NotDone; a type switch asks which. There is no yes or no to mistake for success.
type Outcome interface {
	// StatusCode is the number of the C ABI.
	StatusCode() Status
	// Document is the action document, whatever the outcome.
	Document() *Action

	outcome()
}

// Done means that the device did it: the service said Succeeded. Nothing else means that.
type Done struct{ Action }

// Pending means that the service, or for a submitted request still Cordon, holds the action: it has not ended. Follow it
// by Client.Wait.
type Pending struct{ Action }

// Failed means that the action ended as Failed on the device: see ErrorText.
type Failed struct{ Action }

// TimedOut means that the service gave up, for instance because the device stayed away.
type TimedOut struct{ Action }

// Cancelled means that the action was cancelled at the service.
type Cancelled struct{ Action }

// Rejected means that the service refused the request; there is no action. See ErrorText.
type Rejected struct{ Action }

// NotSent means that the request expired or was withdrawn before a byte of it left.
type NotSent struct{ Action }

// DryRun means that all checks passed and nothing was sent, as asked.
type DryRun struct{ Action }

// NotDone is an outcome of a newer library that this package has no name for. It is not success.
type NotDone struct {
	Action
	Number Status
}

// StatusCode is StatusOK.
func (Done) StatusCode() Status { return StatusOK }

// StatusCode is StatusPending.
func (Pending) StatusCode() Status { return StatusPending }

// StatusCode is StatusActionFailed.
func (Failed) StatusCode() Status { return StatusActionFailed }

// StatusCode is StatusActionTimedOut.
func (TimedOut) StatusCode() Status { return StatusActionTimedOut }

// StatusCode is StatusActionCancelled.
func (Cancelled) StatusCode() Status { return StatusActionCancelled }

// StatusCode is StatusActionRejected.
func (Rejected) StatusCode() Status { return StatusActionRejected }

// StatusCode is StatusNotSent.
func (NotSent) StatusCode() Status { return StatusNotSent }

// StatusCode is StatusDryRun.
func (DryRun) StatusCode() Status { return StatusDryRun }

// StatusCode is the library's number.
func (o NotDone) StatusCode() Status { return o.Number }

// Document is the action itself.
func (a *Action) Document() *Action { return a }

func (*Action) outcome() {}

// UnmarshalJSON reads an action document and keeps it in Raw.
func (a *Action) UnmarshalJSON(text []byte) error {
	type members Action
	if err := json.Unmarshal(text, (*members)(a)); err != nil {
		return err
	}
	a.Raw = append(json.RawMessage(nil), text...)
	return nil
}

func outcomeOf(status Status, document string) (Outcome, error) {
	var action Action
	if err := json.Unmarshal([]byte(document), &action); err != nil {
		e := refused(ErrInternal, "the library's action document can't be read: "+err.Error())
		e.OutcomeUnknown = true
		return nil, e
	}
	switch status {
	case StatusOK:
		return &Done{action}, nil
	case StatusPending:
		return &Pending{action}, nil
	case StatusActionFailed:
		return &Failed{action}, nil
	case StatusActionTimedOut:
		return &TimedOut{action}, nil
	case StatusActionCancelled:
		return &Cancelled{action}, nil
	case StatusActionRejected:
		return &Rejected{action}, nil
	case StatusNotSent:
		return &NotSent{action}, nil
	case StatusDryRun:
		return &DryRun{action}, nil
	default:
		return &NotDone{action, status}, nil
	}
}
