// Command host is a host of Cordon in Go: it restricts a device, quarantines a file, and follows both to their end.
//
//	host CONFIG MACHINE SHA1
//
// CONFIG is a path, or - for the library's own choice. Ctrl-C ends the waiting, and the actions go on. Exit: 0 both were
// done, 1 an error, 2 wrong use, 3 something ended otherwise or has not ended.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"cordon"
)

const (
	exitDone = iota
	exitError
	exitUsage
	exitOtherwise
)

const patience = time.Hour

// order is an action to be asked for.
type order struct {
	what      string
	operation string
	request   map[string]string
}

// report is what became of an order.
type report struct {
	order
	requestID string
	outcome   cordon.Outcome
	err       error
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: host CONFIG MACHINE SHA1")
		os.Exit(exitUsage)
	}
	code, err := run(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(configFile, machine, sha1 string) (int, error) {
	config := ""
	if configFile != "-" {
		text, err := os.ReadFile(configFile)
		if err != nil {
			return exitError, err
		}
		config = string(text)
	}
	client, err := cordon.Open(config)
	if err != nil {
		return exitError, err
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()

	code := exitDone
	for _, r := range contain(ctx, client, machine, sha1) {
		fmt.Printf("%s: %s\n", r.what, r)
		code = worse(code, r.code())
	}
	return code, nil
}

// contain asks for both actions and follows them at once.
func contain(ctx context.Context, client *cordon.Client, machine, sha1 string) []report {
	orders := []order{
		{"restrict app execution", "restrict_code_execution",
			map[string]string{"machine_id": machine, "comment": "Contain the device"}},
		{"stop and quarantine", "stop_and_quarantine",
			map[string]string{"machine_id": machine, "sha1": sha1, "comment": "Stop the file"}},
	}
	options := &cordon.Options{Labels: map[string]string{"case": "EXAMPLE-1"}}
	reports := make(chan report)
	for _, o := range orders {
		go func(o order) {
			r := report{order: o}
			if r.requestID, r.err = client.Submit(o.operation, o.request, options); r.err == nil {
				r.outcome, r.err = client.Wait(ctx, r.requestID)
			}
			reports <- r
		}(o)
	}
	var ended []report
	for range orders {
		ended = append(ended, <-reports)
	}
	return ended
}

// String says what became of an order. Only *cordon.Done is success.
func (r report) String() string {
	switch o := r.outcome.(type) {
	case *cordon.Done:
		return "done on the device"
	case *cordon.Pending:
		return "not done yet; it goes on as request " + r.requestID
	case nil:
		if errors.Is(r.err, cordon.ErrOutcomeUnknown) {
			return fmt.Sprintf("not known; do not repeat it, poll request %s: %v", r.requestID, r.err)
		}
		return r.err.Error()
	default:
		return fmt.Sprintf("not done: %s %s", o.Document().State, o.Document().ErrorText)
	}
}

func (r report) code() int {
	if _, done := r.outcome.(*cordon.Done); done {
		return exitDone
	}
	recorded := r.requestID != "" // whatever happened to the waiting, the request is in the ledger
	if r.err != nil && !recorded {
		return exitError
	}
	return exitOtherwise
}

// worse of two codes: an error before an end otherwise.
func worse(a, b int) int {
	if a == exitError || b == exitError {
		return exitError
	}
	if a > b {
		return a
	}
	return b
}
