package cordon

// #include <stdint.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var callCount uint64

// newCallID names a call so that its context can interrupt it.
func newCallID() string { return fmt.Sprintf("go-%d", atomic.AddUint64(&callCount, 1)) }

// timeoutOf is the time a context leaves for a call: its deadline becomes the library's, so that it is the library that
// says on which side the call is when the time is over.
func timeoutOf(ctx context.Context) C.int32_t {
	deadline, set := ctx.Deadline()
	if !set {
		return -1
	}
	left := time.Until(deadline)
	if left < time.Millisecond {
		left = time.Millisecond
	}
	return milliseconds(left)
}

// watchAfter is how long a call takes before its context is watched: most are shorter, and a goroutine for each would cost
// more than they do.
const watchAfter = 2 * time.Millisecond

// watch interrupts the call of this id once ctx is cancelled. The returned function ends the watch; call it when the call
// has returned.
func (c *Client) watch(ctx context.Context, callID string) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	returned, ended := make(chan struct{}), make(chan struct{})
	timer := time.AfterFunc(watchAfter, func() {
		defer close(ended)
		c.interruptOnceDone(ctx, callID, returned)
	})
	return func() {
		if !timer.Stop() {
			close(returned)
			<-ended
		}
	}
}

func (c *Client) interruptOnceDone(ctx context.Context, callID string, returned <-chan struct{}) {
	select {
	case <-returned:
		return
	case <-ctx.Done():
	}
	if ctx.Err() == context.DeadlineExceeded {
		return // the library knows that deadline
	}
	// The call may not have reached the library yet.
	for errors.Is(c.Interrupt(callID), ErrNotFound) {
		select {
		case <-returned:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
