package cordon_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordon"
)

// patience is for what takes milliseconds on an idle machine.
const patience = 2 * time.Minute

// emulator is a cordon-emulator of a test's own.
type emulator struct {
	t *testing.T

	ControlURL   string                     `json:"control_url"`
	CAFile       string                     `json:"ca_file"`
	ClientSecret string                     `json:"client_secret"`
	Machines     []string                   `json:"machines"`
	Files        []string                   `json:"files"`
	Cast         map[string]string          `json:"cast"`
	Config       map[string]json.RawMessage `json:"config"`
}

func startEmulator(t *testing.T) *emulator {
	t.Helper()
	program := os.Getenv("CORDON_EMULATOR")
	if program == "" {
		t.Skip("CORDON_EMULATOR does not name the emulator")
	}
	folder := t.TempDir()
	ready := filepath.Join(folder, "ready.json")
	command := exec.Command(program, "--ready-file", ready, "--tls-dir", filepath.Join(folder, "tls"), "--speed", "60")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	e := &emulator{t: t}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(ready); err == nil && json.Unmarshal(text, e) == nil {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the emulator ended: %v\n%s", err, output.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the emulator is not ready")
		}
	}
	e.set("state_dir", filepath.Join(folder, "state"))
	e.set("vault", map[string]any{"file": nil})
	e.set("track", map[string]any{"interval_ms": 50})
	e.set("reconcile", map[string]any{"settle_ms": 700})
	return e
}

func (e *emulator) set(member string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		e.t.Fatal(err)
	}
	e.Config[member] = text
}

// open opens a client that can get tokens, and closes it with the test.
func (e *emulator) open() *cordon.Client {
	e.t.Helper()
	config, err := json.Marshal(e.Config)
	if err != nil {
		e.t.Fatal(err)
	}
	client, err := cordon.Open(string(config))
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = client.Close() })
	if err := client.SetSecret("emulator-app", []byte(e.ClientSecret)); err != nil {
		e.t.Fatal(err)
	}
	return client
}

func (e *emulator) control(method, path, body string) []byte {
	e.t.Helper()
	authority, err := os.ReadFile(e.CAFile)
	if err != nil {
		e.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	request, err := http.NewRequest(method, e.ControlURL+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		e.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil || response.StatusCode >= 300 {
		e.t.Fatalf("%s %s: %s %v\n%s", method, path, response.Status, err, answer.String())
	}
	return answer.Bytes()
}

func (e *emulator) advance(seconds int) {
	e.control("POST", "/emulator/advance", fmt.Sprintf(`{"seconds":%d}`, seconds))
}

func (e *emulator) fault(endpoint, kind string, times int) {
	e.control("POST", "/emulator/faults", fmt.Sprintf(`{"endpoint":%q,"kind":%q,"times":%d}`, endpoint, kind, times))
}

// actions is how many actions the service has.
func (e *emulator) actions() int {
	var actions []json.RawMessage
	if err := json.Unmarshal(e.control("GET", "/emulator/actions", ""), &actions); err != nil {
		e.t.Fatal(err)
	}
	return len(actions)
}

// patient is a context for what has to end.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
