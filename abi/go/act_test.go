package cordon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cordon"
)

const restrict = "restrict_code_execution"

func request(machine string) map[string]any {
	return map[string]any{"machine_id": machine, "comment": "a test"}
}

func TestARestrictedDeviceIsPendingAndThenDone(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	options := &cordon.Options{Labels: map[string]string{"case": "INC-7"}, Actor: "a playbook"}
	outcome, err := client.RestrictCodeExecution(patient(t), e.Machines[0], "a test", options)
	if err != nil {
		t.Fatal(err)
	}
	pending, ok := outcome.(*cordon.Pending)
	if !ok {
		t.Fatalf("%T", outcome)
	}
	if pending.Labels["case"] != "INC-7" || pending.Actor != "a playbook" || pending.MachineID != e.Machines[0] {
		t.Errorf("%+v", pending.Action)
	}
	if pending.CreatedAt.IsZero() || pending.Adopted || pending.StatusCode() != cordon.StatusPending {
		t.Errorf("%+v", pending.Action)
	}
	outcome, err = client.Wait(patient(t), pending.RequestID)
	done, ok := outcome.(*cordon.Done)
	if err != nil || !ok {
		t.Fatalf("%T %v", outcome, err)
	}
	if done.State != cordon.StateSucceeded || done.ActionID == "" {
		t.Errorf("%+v", done.Action)
	}
	if known, err := client.KnownAction(done.ActionID); err != nil || known.StatusCode() != cordon.StatusOK {
		t.Errorf("an action id serves as well: %v %v", known, err)
	}
	var raw map[string]any
	if err := json.Unmarshal(done.Raw, &raw); err != nil || raw["state"] != "succeeded" {
		t.Errorf("%v %s", err, done.Raw)
	}
}

func TestUntilFinishedWaitsForTheDevice(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	until := &cordon.Options{Until: cordon.UntilFinished}
	outcome, err := client.StopAndQuarantine(patient(t), e.Machines[0], e.Files[0], "a test", until)
	if _, ok := outcome.(*cordon.Done); err != nil || !ok {
		t.Fatalf("%T %v", outcome, err)
	}
	outcome, err = client.RestrictCodeExecution(patient(t), e.Cast["fails"], "a test", until)
	failed, ok := outcome.(*cordon.Failed)
	if err != nil || !ok {
		t.Fatalf("%T %v", outcome, err)
	}
	if failed.ErrorHresult == 0 || failed.ErrorText == "" {
		t.Errorf("%+v", failed.Action)
	}
	if until.Until != cordon.UntilFinished {
		t.Error("the caller's options were changed")
	}
}

func TestWhatTheServiceHoldsIsPendingWhateverEndsTheWait(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			e := startEmulator(t)
			client := e.open()
			const id = "7d2f1c3e-4b5a-4c6d-8e7f-90a1b2c3d4e5"
			options := &cordon.Options{Until: cordon.UntilFinished, RequestID: id}
			ended := make(chan struct{})
			var outcome cordon.Outcome
			var err error
			go func() {
				defer close(ended)
				outcome, err = client.RestrictCodeExecution(patient(t), e.Cast["offline"], "a test", options)
			}()
			eventually(t, "the service holds the action", func() bool {
				known, err := client.KnownAction(id)
				return err == nil && known.Document().ActionID != ""
			})
			end(client)
			<-ended
			pending, ok := outcome.(*cordon.Pending)
			if err != nil || !ok || pending.RequestID != id || pending.ActionID == "" {
				t.Errorf("%T %v", outcome, err)
			}
		})
	}
}

func TestErrorsSayTheirKindAndWhatIsWrong(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	_, err := client.RestrictCodeExecution(patient(t), "no machine", "a test", nil)
	var wrong *cordon.Error
	if !errors.As(err, &wrong) || !errors.Is(err, cordon.ErrInvalidArgument) || errors.Is(err, cordon.ErrNotFound) {
		t.Fatalf("%v", err)
	}
	if wrong.Pointer != "/machine_id" || wrong.Message == "" || wrong.Retryable {
		t.Errorf("%+v", wrong)
	}
	_, err = client.RestrictCodeExecution(patient(t), "0000000000000000000000000000000000000000", "a test", nil)
	if !errors.Is(err, cordon.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err = cordon.Open(`{"no such member":1}`); !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

func TestANulByteIsRefusedAndNotCutAt(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	_, err := client.RestrictCodeExecution(patient(t), e.Machines[0], "contain\x00and more", nil)
	if !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if e.actions() != 0 {
		t.Error("an action was made")
	}
}

func TestReadAnswersAndDoesNotAct(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	var machine struct {
		ID string `json:"id"`
	}
	err := client.Read(patient(t), "get_machine", map[string]string{"machine_id": e.Machines[0]}, nil, &machine)
	if err != nil || machine.ID != e.Machines[0] {
		t.Fatalf("%v %+v", err, machine)
	}
	if err := client.Read(patient(t), restrict, request(e.Machines[0]), nil, nil); !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if _, err := client.Act(patient(t), "health", nil, nil); !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if err := client.Read(patient(t), "no_such_operation", nil, nil, nil); !errors.Is(err, cordon.ErrNotSupported) {
		t.Errorf("%v", err)
	}
	if e.actions() != 0 {
		t.Error("an action was made")
	}
}

func TestOptionsOfTheRequestAndOfTheCallAreJoined(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	given := request(e.Machines[0])
	given["options"] = map[string]any{"actor": "the request"}
	options := &cordon.Options{DryRun: true, ValidFor: time.Minute}
	outcome, err := client.Act(patient(t), restrict, given, options)
	dry, ok := outcome.(*cordon.DryRun)
	if err != nil || !ok {
		t.Fatalf("%T %v", outcome, err)
	}
	if dry.Actor != "the request" || e.actions() != 0 {
		t.Errorf("%+v", dry.Action)
	}
}

func TestACancelledContextInterruptsAndChangesNothingAtTheService(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for e.actions() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	outcome, err := client.RestrictCodeExecution(ctx, e.Cast["offline"], "a test", &cordon.Options{Until: cordon.UntilFinished})
	if errors.Is(err, cordon.ErrOutcomeUnknown) {
		if errors.Is(err, context.Canceled) {
			t.Error("an unknown outcome passes for a cancellation")
		}
	} else if _, ok := outcome.(*cordon.Pending); err != nil || !ok {
		t.Fatalf("%T %v", outcome, err)
	}
	if e.actions() != 1 {
		t.Error("the action is gone")
	}
}

func TestACancelledContextInterruptsACallInTheLibrary(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	outcome, err := client.RestrictCodeExecution(patient(t), e.Cast["offline"], "a test", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = client.PollAction(ctx, outcome.Document().RequestID, nil)
	if !errors.Is(err, cordon.ErrInterrupted) || !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if known, err := client.KnownAction(outcome.Document().RequestID); err != nil || known.StatusCode() != cordon.StatusPending {
		t.Errorf("%v %v", known, err)
	}
}

func TestACallThatIsCancelledBeforeItIsSentNeverIs(t *testing.T) {
	e := startEmulator(t)
	// The next slot comes before the call's deadline, or the call would be refused at once.
	e.set("quota", "1/60s,1000/3600s")
	client := e.open()
	if _, err := client.RestrictCodeExecution(patient(t), e.Machines[0], "a test", nil); err != nil {
		t.Fatal(err)
	}
	const id = "5f0c1d2e-3b4a-4968-8776-95a4b3c2d1e0"
	ctx, cancel := context.WithCancel(patient(t))
	ended := make(chan error, 1)
	go func() {
		_, err := client.RestrictCodeExecution(ctx, e.Machines[1], "a test", &cordon.Options{RequestID: id})
		ended <- err
	}()
	eventually(t, "it waits for the quota", func() bool {
		known, err := client.KnownAction(id)
		return err == nil && known.StatusCode() == cordon.StatusPending
	})
	cancel()
	if err := <-ended; !errors.Is(err, cordon.ErrInterrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	known, err := client.KnownAction(id)
	if notSent, ok := known.(*cordon.NotSent); err != nil || !ok || notSent.State != cordon.StateWithdrawn {
		t.Errorf("%T %v", known, err)
	}
	if e.actions() != 1 {
		t.Error("it was sent")
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := client.RestrictCodeExecution(cancelled, e.Machines[0], "a test", nil)
	if !errors.Is(err, cordon.ErrInterrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	past, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = client.RestrictCodeExecution(past, e.Machines[0], "a test", nil)
	if !errors.Is(err, cordon.ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if e.actions() != 0 {
		t.Error("an action was made")
	}
}

func TestADeadlineIsTheLibrarysAndNothingWasSent(t *testing.T) {
	e := startEmulator(t)
	e.set("quota", "1/3600s,1/3600s")
	client := e.open()
	if _, err := client.RestrictCodeExecution(patient(t), e.Machines[0], "a test", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := client.RestrictCodeExecution(ctx, e.Machines[1], "a test", nil)
	var e2 *cordon.Error
	if !errors.As(err, &e2) || (e2.Code != cordon.ErrRateLimited && e2.Code != cordon.ErrDeadline) {
		t.Fatalf("%v", err)
	}
	if e.actions() != 1 {
		t.Error("an action was made")
	}
}

func TestAnUnknownOutcomeIsAnErrorOfItsOwn(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	e.fault("POST /api/machines/{id}/restrictCodeExecution", "drop_before", 1)
	_, err := client.RestrictCodeExecution(patient(t), e.Machines[0], "a test", nil)
	var unknown *cordon.Error
	if !errors.As(err, &unknown) || !errors.Is(err, cordon.ErrOutcomeUnknown) {
		t.Fatalf("%v", err)
	}
	if !unknown.OutcomeUnknown || unknown.RequestID == "" || unknown.Retryable {
		t.Errorf("%+v", unknown)
	}
}

func TestARequestIsAnObjectOrNothing(t *testing.T) {
	e := startEmulator(t)
	client := e.open()
	for _, nothing := range []any{nil, map[string]any(nil), struct{}{}} {
		for _, ctx := range []context.Context{context.Background(), patient(t)} {
			if err := client.Read(ctx, "health", nothing, nil, nil); err != nil {
				t.Errorf("%#v: %v", nothing, err)
			}
		}
	}
	for _, wrong := range []any{"a text", 7, []string{}, map[string]any{"options": 7}, func() {}} {
		if err := client.Read(patient(t), "health", wrong, nil, nil); !errors.Is(err, cordon.ErrInvalidArgument) {
			t.Errorf("%#v: %v", wrong, err)
		}
	}
}

func TestWhateverLeavesTheOutcomeUnknownSaysSo(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, code := range []cordon.ErrorCode{cordon.ErrOutOfMemory, cordon.ErrInternal, cordon.ErrInterrupted} {
		err := cordon.Because(cancelled, &cordon.Error{Code: code, OutcomeUnknown: true})
		if !errors.Is(err, cordon.ErrOutcomeUnknown) || !errors.Is(err, code) || errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if errors.Is(&cordon.Error{Code: code}, cordon.ErrOutcomeUnknown) {
			t.Errorf("%v", code)
		}
	}
}

func TestAConditionThatIsNotKnownIsNoSuccess(t *testing.T) {
	if err := cordon.UnlessOK(cordon.StatusOK); err != nil {
		t.Error(err)
	}
	for _, condition := range []cordon.Status{cordon.StatusPending, 99} {
		err := cordon.UnlessOK(condition)
		if !errors.Is(err, cordon.ErrNotSupported) || !strings.Contains(err.Error(), fmt.Sprint(int32(condition))) {
			t.Errorf("%d: %v", int32(condition), err)
		}
	}
}

func TestASignInThatWaitsForItsPersonIsAnAnswer(t *testing.T) {
	if !cordon.IsAnswer("login", cordon.StatusPending) || !cordon.IsAnswer("health", cordon.StatusOK) {
		t.Error("refused")
	}
	if cordon.IsAnswer("of_a_newer_library", cordon.StatusPending) || cordon.IsAnswer("login", 99) {
		t.Error("taken for an answer")
	}
}

func TestOnlyWhatSentNothingPassesForACancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for code, sentNothing := range map[cordon.ErrorCode]bool{
		cordon.ErrInterrupted:    true,
		cordon.ErrDeadline:       true,
		cordon.ErrOutcomeUnknown: false,
		cordon.ErrNetwork:        false,
	} {
		err := cordon.Because(ctx, &cordon.Error{Code: code})
		if errors.Is(err, context.Canceled) != sentNothing || !errors.Is(err, code) {
			t.Errorf("%v", code)
		}
	}
}
