package cordon

// #include <cordon.h>
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// pump reads the events of a client for everybody who waits: one goroutine, parked in the runtime's poller on the
// library's descriptor. Reading an event elsewhere can make the descriptor unreadable before the pump has looked, so
// whoever does that says so by readElsewhere.
type pump struct {
	client     *Client
	descriptor *os.File

	draining sync.Mutex // held while events are read, so that each is handed out once
	cursor   int64      // atomic, written under draining: all events up to here were handed out

	mutex    sync.Mutex
	waiting  map[string]map[chan struct{}]struct{} // by request id and action id: told when the action may have ended
	advanced chan struct{}                         // closed when there was a new event, and replaced
	over     error                                 // why there will be no more
}

// running returns the client's pump, started when there is none.
func (c *Client) running() (*pump, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.pump != nil {
		return c.pump, nil
	}
	var fd C.int32_t
	var native *C.cordon_error
	if err := errorOf(C.cordon_event_fd(c.native, &fd, &native), native); err != nil {
		return nil, err
	}
	p := &pump{
		client:     c,
		descriptor: os.NewFile(uintptr(fd), "cordon events"), // it is non-blocking, hence parked in the poller
		waiting:    map[string]map[chan struct{}]struct{}{},
		advanced:   make(chan struct{}),
	}
	newest, err := c.newestEvent()
	if err != nil {
		p.descriptor.Close()
		return nil, err
	}
	p.cursor = newest
	c.pump = p
	go p.run()
	return p, nil
}

func (p *pump) run() {
	var bytes [64]byte
	for {
		for p.drain() != nil {
			time.Sleep(time.Second) // the ledger can't be read; nobody will tell when it can be again
		}
		if _, err := p.descriptor.Read(bytes[:]); err != nil {
			p.fail(refused(ErrShuttingDown, "the client was closed"))
			return
		}
	}
}

// end makes run return. The client is closed by now, so that nobody starts another.
func (p *pump) end() {
	p.descriptor.Close()
}

// drain hands out all events there are. An error may pass; that of a client that has ended goes to all who wait.
func (p *pump) drain() error {
	p.draining.Lock()
	defer p.draining.Unlock()
	for {
		event, err := p.client.eventAfter(p.cursor, ScopeAll)
		if errors.Is(err, ErrShuttingDown) || errors.Is(err, ErrInvalidHandle) || errors.Is(err, ErrForked) {
			p.fail(err)
			return nil
		}
		if event == nil || err != nil {
			return err
		}
		atomic.StoreInt64(&p.cursor, event.Cursor)
		p.hand(event)
	}
}

// readElsewhere says that somebody has read an event, or nil, behind the pump's back.
func (p *pump) readElsewhere(event *Event) {
	if event == nil || event.Cursor > atomic.LoadInt64(&p.cursor) {
		_ = p.drain() // an error meets the pump as well
	}
}

func (p *pump) hand(event *Event) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.over != nil {
		return
	}
	close(p.advanced)
	p.advanced = make(chan struct{})
	if isOpen(event.State) {
		return
	}
	for _, id := range []string{event.RequestID, event.ActionID} {
		p.tell(p.waiting[id])
	}
}

func (p *pump) fail(err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.over != nil {
		return
	}
	p.over = err
	close(p.advanced)
	for _, waiters := range p.waiting {
		p.tell(waiters)
	}
}

func (p *pump) tell(waiters map[chan struct{}]struct{}) {
	for waiter := range waiters {
		select {
		case waiter <- struct{}{}:
		default: // it has been told already
		}
	}
}

// wait registers a waiter for an action; leave ends that.
func (p *pump) wait(id string) (told <-chan struct{}, leave func()) {
	waiter := make(chan struct{}, 1)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.waiting[id] == nil {
		p.waiting[id] = map[chan struct{}]struct{}{}
	}
	p.waiting[id][waiter] = struct{}{}
	return waiter, func() {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		delete(p.waiting[id], waiter)
		if len(p.waiting[id]) == 0 {
			delete(p.waiting, id)
		}
	}
}

// progress returns a channel that is closed at the next event, and why there will be none.
func (p *pump) progress() (<-chan struct{}, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.advanced, p.over
}

// isOpen is true for the states in which an action has not ended and its outcome is not unknown.
func isOpen(state State) bool {
	switch state {
	case StateQueued, StateSending, StatePending, StateInProgress:
		return true
	}
	return false
}

// eventAfter reads the first event behind a cursor; nil if there is none now.
func (c *Client) eventAfter(cursor int64, scope Scope) (*Event, error) {
	var in texts
	defer in.free()
	options := in.of("options", fmt.Sprintf(`{"after":%d,"scope":"%s"}`, cursor, scope))
	var out *C.char
	var native *C.cordon_error
	status := C.cordon_next_event(c.native, options, 0, &out, &native)
	if err := errorOf(status, native); err != nil {
		return nil, err
	}
	document := taken(out)
	if Status(status) != StatusOK {
		return nil, nil
	}
	event := &Event{}
	if err := json.Unmarshal([]byte(document), event); err != nil {
		return nil, refused(ErrInternal, "the library's event can't be read: "+err.Error())
	}
	return event, nil
}

// newestEvent finds the cursor of the newest event without reading a journal that may be long: there is an event behind
// `from`, or from is 0, and there is none behind `to`.
func (c *Client) newestEvent() (int64, error) {
	from, to := int64(0), int64(-1)
	for step := int64(1); from != to; {
		probe := from
		if to < 0 {
			probe, step = from+step-1, step*2
		} else {
			probe = from + (to-from)/2
		}
		event, err := c.eventAfter(probe, ScopeAll)
		if err != nil {
			return 0, err
		}
		if event == nil {
			to = probe
		} else {
			from = event.Cursor
		}
	}
	return from, nil
}
