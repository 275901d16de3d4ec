package cordon_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"cordon"
)

func TestWaitsHoldNoThreads(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	threads := func() int {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	const waits = 500
	id, err := client.Submit(restrict, request(e.Cast["offline"]), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var began, ended sync.WaitGroup
	began.Add(waits)
	ended.Add(waits)
	for i := 0; i < waits; i++ {
		go func() {
			defer ended.Done()
			began.Done()
			if _, err := client.Wait(ctx, id); !errors.Is(err, context.Canceled) || !errors.Is(err, cordon.ErrInterrupted) {
				t.Errorf("%v", err)
			}
		}()
	}
	began.Wait()
	time.Sleep(500 * time.Millisecond)
	if count := threads(); count > 100 {
		t.Errorf("%d threads for %d waits", count, waits)
	}
	cancel()
	ended.Wait()
	if known, err := client.KnownAction(id); err != nil || known.StatusCode() != cordon.StatusPending {
		t.Errorf("the request goes on: %v %v", known, err)
	}
}

func TestEveryOneOfManyWaitsEnds(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	var group sync.WaitGroup
	for _, machine := range e.Machines {
		group.Add(1)
		go func(machine string) {
			defer group.Done()
			id, err := client.Submit(restrict, request(machine), nil)
			if err != nil {
				t.Error(err)
				return
			}
			outcome, err := client.Wait(patient(t), id)
			if _, done := outcome.(*cordon.Done); err != nil || !done {
				t.Errorf("%T %v", outcome, err)
			}
		}(machine)
	}
	group.Wait()
	if count := e.actions(); count != len(e.Machines) {
		t.Errorf("%d actions for %d machines", count, len(e.Machines))
	}
}

func TestAWaitsDeadlineIsPending(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	id, err := client.Submit(restrict, request(e.Cast["offline"]), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	outcome, err := client.Wait(ctx, id)
	if _, pending := outcome.(*cordon.Pending); err != nil || !pending {
		t.Errorf("%T %v", outcome, err)
	}
	e.advance(3*86400 + 900)
	outcome, err = client.Wait(patient(t), id)
	if _, timedOut := outcome.(*cordon.TimedOut); err != nil || !timedOut {
		t.Errorf("%T %v", outcome, err)
	}
}

func TestAWaitIsToldWhenTheOutcomeStaysUnknown(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	e.fault("POST /api/machines/{id}/restrictCodeExecution", "drop_before", 1)
	id, err := client.Submit(restrict, request(e.Machines[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err := client.Wait(patient(t), id); !errors.Is(err, cordon.ErrOutcomeUnknown) {
		t.Errorf("%T %v", outcome, err)
	}
}

func TestAnUnknownOutcomeIsToldHoweverAContextEndsTheWait(t *testing.T) {
	e := startEmulator(t)
	e.set("reconcile", map[string]any{"settle_ms": 60000}) // it is looked for as long as this test lasts
	client := e.open()
	e.fault("POST /api/machines/{id}/restrictCodeExecution", "drop_before", 1)
	id, err := client.Submit(restrict, request(e.Machines[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the outcome is unknown", func() bool {
		_, err := client.KnownAction(id)
		return errors.Is(err, cordon.ErrOutcomeUnknown)
	})
	wait := func(ctx context.Context) {
		t.Helper()
		outcome, err := client.Wait(ctx, id)
		if !errors.Is(err, cordon.ErrOutcomeUnknown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%T %v", outcome, err)
		}
	}
	cancelled, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	wait(cancelled) // in the midst of the look
	past, release := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer release()
	for i := 0; i < 40; i++ { // the look's turn comes when the context has ended: either may be seen first
		wait(cancelled)
		wait(past)
	}
}

func TestAWaitSeesWhatALookHasFound(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	e.fault("POST /api/machines/{id}/restrictCodeExecution", "drop_after", 1)
	id, err := client.Submit(restrict, request(e.Machines[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := client.Wait(patient(t), id)
	if _, done := outcome.(*cordon.Done); err != nil || !done {
		t.Errorf("%T %v", outcome, err)
	}
	if e.actions() != 1 {
		t.Error("it was sent twice")
	}
}

func TestAWaitForNothingKnownIsAnError(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	if _, err := client.Wait(patient(t), "11111111-2222-4333-8444-555555555555"); !errors.Is(err, cordon.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// ends are the ways in which a client ends.
var ends = map[string]func(*cordon.Client){
	"Shutdown": func(c *cordon.Client) { _ = c.Shutdown(time.Second) },
	"Close":    func(c *cordon.Client) { _ = c.Close() },
}

func TestTheEndOfTheClientWakesWhoeverWaits(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			e := startEmulator(t)
			client := e.open()
			id, err := client.Submit(restrict, request(e.Cast["offline"]), nil)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 2)
			go func() {
				_, err := client.Wait(patient(t), id)
				ended <- err
			}()
			go func() {
				events := client.Events(0, cordon.ScopeAll)
				for {
					if _, err := events.Next(patient(t)); err != nil {
						ended <- err
						return
					}
				}
			}()
			time.Sleep(100 * time.Millisecond)
			end(client)
			for i := 0; i < 2; i++ {
				if err := <-ended; !errors.Is(err, cordon.ErrShuttingDown) && !errors.Is(err, cordon.ErrInvalidHandle) {
					t.Errorf("%v", err)
				}
			}
			if _, err := client.Submit(restrict, request(e.Machines[0]), nil); err == nil {
				t.Error("an ended client took a request")
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWithdrawTakesBackWhatWasNotSent(t *testing.T) {
	e := startEmulator(t)
	e.set("quota", "1/3600s,1/3600s")
	client := e.open()
	first, err := client.Submit(restrict, request(e.Machines[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first is sent", func() bool { return e.actions() == 1 })
	id, err := client.Submit(restrict, request(e.Machines[1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Withdraw(id); err != nil {
		t.Fatal(err)
	}
	outcome, err := client.Wait(patient(t), id)
	if _, notSent := outcome.(*cordon.NotSent); err != nil || !notSent {
		t.Errorf("%T %v", outcome, err)
	}
	if err := client.Withdraw(first); !errors.Is(err, cordon.ErrInvalidState) {
		t.Errorf("%v", err)
	}
}
