package cordon

import (
	"context"
	"errors"
)

// looking bounds how many goroutines hold a thread at once while the library looks for requests whose outcome is unknown.
var looking = make(chan struct{}, 8)

// Wait waits for the end of an action that this client's ledger knows, by its request id or action id, and holds no thread
// meanwhile. When the context's deadline comes first it is *Pending; when the context is cancelled, errors.Is(err,
// context.Canceled). Either way the action goes on.
//
// When it becomes unknown whether the request arrived, Wait goes on while Cordon looks for it, and returns
// ErrOutcomeUnknown when that has come to nothing, or when the context ends first: do not repeat the request; wait again,
// or have a person look.
func (c *Client) Wait(ctx context.Context, id string) (Outcome, error) {
	p, err := c.running()
	if err != nil {
		return nil, err
	}
	told, leave := p.wait(id)
	defer leave()
	for {
		outcome, err := c.KnownAction(id)
		if errors.Is(err, ErrOutcomeUnknown) {
			if outcome, err = c.look(ctx, id, told); outcome == nil && err == nil {
				continue
			}
		}
		if _, open := outcome.(*Pending); err != nil || !open {
			return outcome, err
		}
		if _, over := p.progress(); over != nil {
			return nil, over
		}
		select {
		case <-told:
		case <-ctx.Done():
			if ctx.Err() == context.DeadlineExceeded {
				return outcome, nil
			}
			return nil, because(ctx, refused(ErrInterrupted, "the context was cancelled; the action goes on"))
		}
	}
}

// look waits in the library for what its search brings; nothing if the action's state changed before it was our turn. What
// the end of the context leaves is what the ledger knows: an unknown outcome must not pass for a mere cancellation.
func (c *Client) look(ctx context.Context, id string, told <-chan struct{}) (Outcome, error) {
	select {
	case looking <- struct{}{}:
		defer func() { <-looking }()
		outcome, err := c.PollAction(ctx, id, nil)
		if isOver(err) {
			return c.KnownAction(id)
		}
		return outcome, err
	case <-told:
		return nil, nil
	case <-ctx.Done():
		return c.KnownAction(id)
	}
}

// isOver is true for the error of a wait that its context ended.
func isOver(err error) bool {
	return errors.Is(err, ErrInterrupted) || errors.Is(err, ErrDeadline)
}
