package cordon_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cordon"
)

func TestEventsAreReadByCursorAndConsumedByNobody(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	id, err := client.Submit(restrict, request(e.Machines[0]), &cordon.Options{Labels: map[string]string{"case": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	read := func(events *cordon.Events) (states []cordon.State) {
		for {
			event, err := events.Next(patient(t))
			if err != nil {
				t.Fatal(err)
			}
			if event.RequestID != id {
				continue
			}
			if event.Action == nil || event.Action.Labels["case"] != "7" || len(event.Action.Raw) == 0 || event.At.IsZero() {
				t.Errorf("%+v", event)
			}
			states = append(states, event.State)
			if event.State == cordon.StateSucceeded {
				return states
			}
		}
	}
	first := read(client.Events(0, cordon.ScopeAll))
	again := read(client.Events(0, cordon.ScopeClient))
	if len(first) < 3 || first[0] != cordon.StateQueued || len(again) != len(first) {
		t.Errorf("%v, again %v", first, again)
	}
}

func TestNoEventIsNoError(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	events := client.Events(0, cordon.ScopeAll)
	for {
		event, err := events.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if event == nil {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if event, err := events.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v %v", event, err)
	}
}

func TestAReaderWakesThoseWhomThePumpCannotHear(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	end, err := client.UseDeafPump()
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	id, err := client.Submit(restrict, request(e.Machines[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := client.Wait(patient(t), id)
		ended <- err
	}()
	events := client.Events(0, cordon.ScopeAll)
	eventually(t, "the wait ends with the events that are read", func() bool {
		if _, err := events.TryNext(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			return err == nil
		default:
			return false
		}
	})
}

func TestAReaderTakesNothingFromThoseWhoWait(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := 0; i < 4; i++ {
		go func() {
			events := client.Events(0, cordon.ScopeAll)
			for {
				if _, err := events.Next(ctx); err != nil {
					return
				}
			}
		}()
	}
	for _, machine := range e.Machines[:8] {
		id, err := client.Submit(restrict, request(machine), nil)
		if err != nil {
			t.Fatal(err)
		}
		if outcome, err := client.Wait(patient(t), id); err != nil || outcome.StatusCode() != cordon.StatusOK {
			t.Fatalf("%v %v", outcome, err)
		}
	}
}

func TestAPumpBeginsAtTheEndOfALongJournal(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	for _, machine := range e.Machines {
		if _, err := client.RestrictCodeExecution(patient(t), machine, "a test", nil); err != nil {
			t.Fatal(err)
		}
	}
	id, err := client.Submit(restrict, request(e.Cast["slow"]), nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := client.Wait(patient(t), id); err != nil || outcome.StatusCode() == cordon.StatusPending {
		t.Fatalf("%v %v", outcome, err)
	}
}
