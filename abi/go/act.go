package cordon

// #include <cordon.h>
import "C"

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// RestrictCodeExecution restricts app execution on a device: only programs signed by a Microsoft-issued certificate may
// start afterwards. machineID is the device's id at the service, 40 hexadecimal digits; comment says why and is stored by
// the service.
//
// It returns when the service holds the action, most often with a *Pending, or with UntilFinished when that has ended. The
// context's deadline bounds all of it; without one, the configured time-out bounds the time until the service holds it,
// and also that of the end if Options.CallID is set.
func (c *Client) RestrictCodeExecution(ctx context.Context, machineID, comment string, options *Options) (Outcome, error) {
	return c.act(ctx, options, func(in *texts, options *C.char, timeout C.int32_t) nativeCall {
		machine, why := in.of("machineID", machineID), in.of("comment", comment)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_restrict_code_execution(c.native, machine, why, options, timeout, out, native)
		}
	})
}

// StopAndQuarantine stops a running file on a device and quarantines it. There is no undo by API. sha1 is the file's
// SHA-1, 40 hexadecimal digits. All else is as for RestrictCodeExecution.
func (c *Client) StopAndQuarantine(ctx context.Context, machineID, sha1, comment string, options *Options) (Outcome, error) {
	return c.act(ctx, options, func(in *texts, options *C.char, timeout C.int32_t) nativeCall {
		machine, file, why := in.of("machineID", machineID), in.of("sha1", sha1), in.of("comment", comment)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_stop_and_quarantine(c.native, machine, file, why, options, timeout, out, native)
		}
	})
}

// Act performs any operation of the manifest that ends in an action: "isolate", "cancel_action", … request holds its
// parameters and is marshalled to JSON; nil stands for none. All else is as for RestrictCodeExecution.
func (c *Client) Act(ctx context.Context, operation string, request any, options *Options) (Outcome, error) {
	if known, acts := resultOf(operation); known && !acts {
		return nil, refused(ErrInvalidArgument, fmt.Sprintf("%s answers with no action; use Read", operation))
	}
	return c.act(ctx, options, func(in *texts, options *C.char, timeout C.int32_t) nativeCall {
		name, document := in.of("operation", operation), in.request(request, options)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_call(c.native, name, document, timeout, out, native)
		}
	})
}

// Read performs any operation of the manifest that only answers: "get_machine", "list_requests", "health", … The answer
// is unmarshalled from JSON into result, unless that is nil. A sign-in that waits for its person ("login",
// "login_status") is an answer, whose state is "waiting".
func (c *Client) Read(ctx context.Context, operation string, request any, options *Options, result any) error {
	if known, acts := resultOf(operation); known && acts {
		return refused(ErrInvalidArgument, fmt.Sprintf("%s ends in an action, which may be pending; use Act", operation))
	}
	status, document, err := c.call(ctx, options, timeoutOf(ctx), func(in *texts, options *C.char, timeout C.int32_t) nativeCall {
		name, document := in.of("operation", operation), in.request(request, options)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_call(c.native, name, document, timeout, out, native)
		}
	})
	if err == nil && !isAnswer(operation, status) {
		err = refused(ErrNotSupported, fmt.Sprintf("%s ended with %s, which is no answer", operation, status))
	}
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal([]byte(document), result)
}

// isAnswer: an operation that is not in this manifest may be an action, which is pending.
func isAnswer(operation string, status Status) bool {
	known, _ := resultOf(operation)
	return status == StatusOK || known && status == StatusPending
}

// PollAction tells where an action stands, by its action id or request id. It waits for its end until the context's
// deadline, or for the configured time-out; when that is over it is *Pending. It may ask the service, and so can follow
// actions that this ledger does not know. While it is unknown whether the request arrived, errors.Is(err,
// ErrOutcomeUnknown).
func (c *Client) PollAction(ctx context.Context, id string, options *Options) (Outcome, error) {
	return c.poll(ctx, id, options, timeoutOf(ctx))
}

// brief bounds how many goroutines are in the library at once with calls that only ask the ledger: each holds a thread
// for a moment, and thousands may wake at the same time.
var brief = make(chan struct{}, 32)

// KnownAction tells what the ledger knows of an action now, without the network.
func (c *Client) KnownAction(id string) (Outcome, error) {
	brief <- struct{}{}
	defer func() { <-brief }()
	return c.poll(context.Background(), id, nil, 0)
}

func (c *Client) poll(ctx context.Context, id string, options *Options, wait C.int32_t) (Outcome, error) {
	return c.outcome(ctx, options, wait, func(in *texts, options *C.char, wait C.int32_t) nativeCall {
		id := in.of("id", id)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_poll_action(c.native, id, options, wait, out, native)
		}
	})
}

// Submit records a request durably and returns its id at once. It is sent in the background, by this process or the next
// one, until Options.ValidFor is over. Follow it by Wait. Success means recorded, not done.
func (c *Client) Submit(operation string, request any, options *Options) (requestID string, err error) {
	brief <- struct{}{}
	defer func() { <-brief }()
	status, id, err := c.call(context.Background(), options, -1, func(in *texts, options *C.char, _ C.int32_t) nativeCall {
		name, document := in.of("operation", operation), in.request(request, options)
		return func(out **C.char, native **C.cordon_error) C.int32_t {
			return C.cordon_submit(c.native, name, document, out, native)
		}
	})
	if err == nil && status != StatusOK {
		err = refused(ErrInvalidState, fmt.Sprintf("%s was not recorded: %s", operation, status))
	}
	return id, err
}

// act waits for the end itself, if that is wanted, so that no thread is held meanwhile; but where the host has named the
// call, the library does, so that Interrupt finds it.
func (c *Client) act(ctx context.Context, options *Options, prepare prepared) (Outcome, error) {
	finished := options != nil && options.Until == UntilFinished && options.CallID == ""
	if finished {
		accepted := *options
		accepted.Until = ""
		options = &accepted
	}
	outcome, err := c.outcome(ctx, options, timeoutOf(ctx), prepare)
	pending, open := outcome.(*Pending)
	if err != nil || !finished || !open {
		return outcome, err
	}
	end, err := c.Wait(ctx, pending.RequestID)
	if e, failed := err.(*Error); failed && e.Code != ErrOutcomeUnknown {
		return pending, nil // the truth, whatever ended the wait: the service holds the action
	}
	return end, err
}

func (c *Client) outcome(ctx context.Context, options *Options, timeout C.int32_t, prepare prepared) (Outcome, error) {
	status, document, err := c.call(ctx, options, timeout, prepare)
	if err != nil {
		return nil, err
	}
	return outcomeOf(status, document)
}

// nativeCall crosses into the library; prepared copies what it needs there.
type (
	nativeCall func(out **C.char, native **C.cordon_error) C.int32_t
	prepared   func(in *texts, options *C.char, timeout C.int32_t) nativeCall
)

// call makes a call that can be interrupted by its context.
func (c *Client) call(ctx context.Context, options *Options, timeout C.int32_t, prepare prepared) (Status, string, error) {
	if err := overBefore(ctx); err != nil {
		return 0, "", err
	}
	members := options.members()
	callID, _ := members["call_id"].(string)
	if callID == "" && ctx.Done() != nil {
		callID = newCallID()
		members["call_id"] = callID
	}
	var in texts
	defer in.free()
	var text *C.char
	if len(members) > 0 {
		document, err := json.Marshal(members)
		if err != nil {
			return 0, "", err
		}
		text = in.json("options", document)
	}
	cross := prepare(&in, text, timeout)
	if in.err != nil {
		return 0, "", in.err
	}
	stop := c.watch(ctx, callID)
	var out *C.char
	var native *C.cordon_error
	status := cross(&out, &native)
	stop()
	if err := errorOf(status, native); err != nil {
		return 0, "", because(ctx, err)
	}
	return Status(status), taken(out), nil
}

// request is the JSON of a request, the options of the call added to those that it may hold itself.
func (t *texts) request(request any, options *C.char) *C.char {
	document, err := withOptions(request, options)
	if err != nil && t.err == nil {
		t.err = refused(ErrInvalidArgument, "the request is no JSON object: "+err.Error())
	}
	return t.of("request", string(document))
}

func withOptions(request any, options *C.char) ([]byte, error) {
	document, err := json.Marshal(request)
	if string(document) == "null" {
		document = []byte("{}")
	}
	if err != nil || options == nil {
		return document, err
	}
	added := C.GoString(options)
	if bytes.HasPrefix(document, []byte("{")) && !bytes.Contains(document, []byte(`"options"`)) {
		separator := ","
		if len(document) == len("{}") {
			separator = ""
		}
		return append(document[:len(document)-1], separator+`"options":`+added+"}"...), nil
	}
	members, merged := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, err
	}
	if given, ok := members["options"]; ok {
		if err := json.Unmarshal(given, &merged); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal([]byte(added), &merged); err != nil {
		return nil, err
	}
	if members["options"], err = json.Marshal(merged); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

var manifest struct {
	once sync.Once
	acts map[string]bool
}

// resultOf asks the manifest whether an operation's result is an action with an outcome.
func resultOf(operation string) (known, acts bool) {
	manifest.once.Do(func() {
		var document struct {
			Operations struct {
				Operations []struct{ Name, Kind, Result string }
			}
		}
		// An operation that is not found is left to the library to judge.
		_ = json.Unmarshal(Manifest(), &document)
		manifest.acts = map[string]bool{}
		for _, o := range document.Operations.Operations {
			manifest.acts[o.Name] = o.Kind == "action" || o.Kind == "local" && o.Result == "action"
		}
	})
	acts, known = manifest.acts[operation]
	return known, acts
}
