package cordon

import (
	"context"
	"encoding/json"
)

// Scope says whose events are read.
type Scope string

// The scopes.
const (
	ScopeClient Scope = "client" // of requests of this client
	ScopeAll    Scope = "all"    // of everybody who shares the ledger
)

// Events reads the journal from a cursor. Events are consumed by nobody: keep the Cursor of the last one you have dealt
// with, and after a crash go on from there. Not to be shared by goroutines; make one for each.
type Events struct {
	client *Client
	scope  Scope
	cursor int64
}

// Events begins behind the event with this cursor; 0 is the beginning of the journal.
func (c *Client) Events(after int64, scope Scope) *Events {
	return &Events{client: c, scope: scope, cursor: after}
}

// Cursor is that of the last event read.
func (e *Events) Cursor() int64 { return e.cursor }

// TryNext reads the next event; nil if there is none now.
func (e *Events) TryNext() (*Event, error) {
	event, err := e.client.eventAfter(e.cursor, e.scope)
	if err != nil {
		return nil, err
	}
	if event != nil {
		e.cursor = event.Cursor
	}
	e.client.mutex.Lock()
	p := e.client.pump
	e.client.mutex.Unlock()
	if p != nil {
		p.readElsewhere(event)
	}
	return event, nil
}

// Next waits for the next event, and holds no thread meanwhile. It returns the context's error when that ends first.
func (e *Events) Next(ctx context.Context) (*Event, error) {
	p, err := e.client.running()
	if err != nil {
		return nil, err
	}
	for {
		progress, over := p.progress()
		event, err := e.TryNext()
		if event != nil || err != nil {
			return event, err
		}
		if over != nil {
			return nil, over
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// UnmarshalJSON reads an event document and keeps it in Raw.
func (e *Event) UnmarshalJSON(text []byte) error {
	type members Event
	if err := json.Unmarshal(text, (*members)(e)); err != nil {
		return err
	}
	e.Raw = append(json.RawMessage(nil), text...)
	return nil
}
