// The conformance program in Go: see ../README.md.
package main

// #cgo pkg-config: cordon
// #include <cordon.h>
// #include <stdlib.h>
import "C"

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"cordon"
	"cordon/contract"
)

// step is a line of the scenario.
type step struct {
	Step       json.RawMessage `json:"step"`
	Do         string          `json:"do"`
	Background string          `json:"background"`
	Client     string          `json:"client"`
	Config     json.RawMessage `json:"config"`
	Name       string          `json:"name"`
	Value      string          `json:"value"`
	MachineID  string          `json:"machine_id"`
	SHA1       string          `json:"sha1"`
	Comment    string          `json:"comment"`
	ID         string          `json:"id"`
	RequestID  string          `json:"request_id"`
	CallID     string          `json:"call_id"`
	Operation  string          `json:"operation"`
	Request    any             `json:"request"`
	Options    options         `json:"options"`
	TimeoutMS  *int64          `json:"timeout_ms"`
	WaitMS     *int64          `json:"wait_ms"`
}

// options are those the scenario uses, of calls and of events.
type options struct {
	Tenant         string            `json:"tenant"`
	RequestID      string            `json:"request_id"`
	IdempotencyKey string            `json:"idempotency_key"`
	CallID         string            `json:"call_id"`
	Until          cordon.Until      `json:"until"`
	Labels         map[string]string `json:"labels"`
	Actor          string            `json:"actor"`
	DryRun         bool              `json:"dry_run"`
	After          int64             `json:"after"`
	Scope          cordon.Scope      `json:"scope"`
}

func (o options) ofCall() *cordon.Options {
	return &cordon.Options{
		Tenant: o.Tenant, RequestID: o.RequestID, IdempotencyKey: o.IdempotencyKey, CallID: o.CallID, Until: o.Until,
		Labels: o.Labels, Actor: o.Actor, DryRun: o.DryRun,
	}
}

// answer is a line of the transcript.
type answer struct {
	Error  any             `json:"error"`
	Result any             `json:"result"`
	Status string          `json:"status"`
	Step   json.RawMessage `json:"step"`
}

type program struct {
	clients    map[string]*cordon.Client
	background map[string]chan answer
	read       map[string]int64 // by client: the cursor of the event read last
}

func (p *program) make(s step) answer {
	result, err := p.call(s)
	var failed *cordon.Error
	switch {
	case errors.As(err, &failed):
		return answer{Status: failed.Code.Error(), Error: errorDocument(failed)}
	case err != nil:
		panic(err)
	}
	if outcome, ok := result.(cordon.Outcome); ok {
		return answer{Status: outcome.StatusCode().String(), Result: typed(outcome.Document())}
	}
	if event, ok := result.(*cordon.Event); ok {
		if event == nil {
			return answer{Status: cordon.StatusNoEvent.String()}
		}
		result = typed(event)
	}
	return answer{Status: cordon.StatusOK.String(), Result: result}
}

func (p *program) call(s step) (any, error) {
	client := p.clients[s.Client]
	ctx, done := s.context(s.TimeoutMS)
	defer done()
	switch s.Do {
	case "version":
		return cordon.Version(), nil
	case "constants":
		return constants(), nil
	case "layout":
		return layout(), nil
	case "open":
		opened, err := cordon.Open(string(s.Config))
		p.clients[s.Client] = opened
		return nil, err
	case "secret_set":
		secret := []byte(s.Value)
		err := client.SetSecret(s.Name, secret)
		if len(bytes.Trim(secret, "\x00")) > 0 {
			panic("the secret was not wiped")
		}
		return nil, err
	case "secret_remove":
		return nil, client.RemoveSecret(s.Name)
	case "vault_status":
		return document(client.VaultStatus())
	case "restrict_code_execution":
		if s.TimeoutMS != nil && *s.TimeoutMS == 0 {
			return nil, restrictInNoTime(client, s)
		}
		return client.RestrictCodeExecution(ctx, s.MachineID, s.Comment, s.Options.ofCall())
	case "stop_and_quarantine":
		return client.StopAndQuarantine(ctx, s.MachineID, s.SHA1, s.Comment, s.Options.ofCall())
	case "poll_action":
		if *s.WaitMS == 0 {
			return client.KnownAction(s.ID)
		}
		ctx, done := s.context(s.WaitMS)
		defer done()
		return client.Wait(ctx, s.ID)
	case "call":
		if s.Operation == "get_machine" || s.Operation == "defenestrate" {
			var result any
			err := client.Read(ctx, s.Operation, s.Request, nil, &result)
			return result, err
		}
		return client.Act(ctx, s.Operation, s.Request, nil)
	case "submit":
		return client.Submit(s.Operation, s.Request, nil)
	case "withdraw":
		return nil, client.Withdraw(s.RequestID)
	case "interrupt":
		return nil, client.Interrupt(s.CallID)
	case "next_event":
		return p.nextEvent(client, s)
	case "shutdown":
		return nil, client.Shutdown(time.Duration(*s.TimeoutMS) * time.Millisecond)
	case "free":
		return nil, client.Close()
	}
	panic("unknown step " + s.Do)
}

// nextEvent goes on behind the last event read where the step names no cursor.
func (p *program) nextEvent(client *cordon.Client, s step) (*cordon.Event, error) {
	scope, after := s.Options.Scope, s.Options.After
	if scope == "" {
		scope = cordon.ScopeClient
	}
	if s.Options.After == 0 && s.Options.Scope == "" {
		after = p.read[s.Client]
	}
	events := client.Events(after, scope)
	event, err := events.TryNext()
	if event == nil && err == nil && *s.WaitMS > 0 {
		ctx, done := s.context(s.WaitMS)
		defer done()
		if event, err = events.Next(ctx); errors.Is(err, context.DeadlineExceeded) {
			return nil, nil
		}
	}
	p.read[s.Client] = events.Cursor()
	return event, err
}

func (s step) context(timeoutMS *int64) (context.Context, context.CancelFunc) {
	if timeoutMS == nil || *timeoutMS <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(*timeoutMS)*time.Millisecond)
}

// restrictInNoTime says what no context can say: a time-out of 0, which is wrong.
func restrictInNoTime(client *cordon.Client, s step) error {
	machine, comment := C.CString(s.MachineID), C.CString(s.Comment)
	defer C.free(unsafe.Pointer(machine))
	defer C.free(unsafe.Pointer(comment))
	var native *C.cordon_error
	C.cordon_restrict_code_execution((*C.cordon_client)(client.Handle()), machine, comment, nil, 0, nil, &native)
	defer C.cordon_error_free(native)
	failed := &cordon.Error{}
	if err := json.Unmarshal([]byte(C.GoString(C.cordon_error_json(native))), failed); err != nil {
		panic(err)
	}
	return failed
}

func (p *program) run() error {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for {
		line, err := input.ReadBytes('\n')
		if len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var s step
		if err := json.Unmarshal(line, &s); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if err := output.Encode(p.answer(s)); err != nil {
			return err
		}
	}
}

func (p *program) answer(s step) answer {
	var told answer
	switch {
	case s.Background == "":
		told = p.make(s)
	case s.Do == "join":
		told = <-p.background[s.Background]
	default:
		ended := make(chan answer, 1)
		p.background[s.Background] = ended
		go func() { ended <- p.make(s) }()
		told = answer{Status: "STARTED"}
	}
	told.Step = s.Step
	return told
}

func constants() map[string]int32 {
	names := map[string]int32{}
	for _, status := range cordon.Statuses {
		names[status.String()] = int32(status)
	}
	for _, code := range cordon.ErrorCodes {
		names[code.Error()] = int32(code)
	}
	return names
}

func layout() map[string]uintptr {
	offsets := map[string]uintptr{}
	for _, member := range contract.Offsets {
		offsets[member.Name] = member.Built
	}
	return offsets
}

func main() {
	p := program{map[string]*cordon.Client{}, map[string]chan answer{}, map[string]int64{}}
	if err := p.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
