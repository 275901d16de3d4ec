package cordon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"cordon"
)

func TestSecretsAreWipedWhateverComesOfThem(t *testing.T) {
	e := startEmulator(t)
	e.set("vault", map[string]any{"file": filepath.Join(t.TempDir(), "vault")})
	config, err := json.Marshal(e.Config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := cordon.Open(string(config))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	zeros := make([]byte, 32)
	secret := []byte("a secret of thirty-two bytes ...")
	if err := client.SetSecret("name", secret); !errors.Is(err, cordon.ErrVaultLocked) || !bytes.Equal(secret, zeros) {
		t.Errorf("%v %q", err, secret)
	}
	if err := client.UnlockVault(cordon.Key, bytes.Repeat([]byte{7}, 32)); err != nil {
		t.Fatal(err)
	}
	secret = []byte("a secret of thirty-two bytes ...")
	if err := client.SetSecret("name", secret); err != nil || !bytes.Equal(secret, zeros) {
		t.Errorf("%v %q", err, secret)
	}
	if err := client.SetSecret("", nil); !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	status, err := client.VaultStatus()
	if err != nil || !strings.Contains(string(status), `"name"`) || strings.Contains(string(status), "thirty-two") {
		t.Errorf("%v %s", err, status)
	}
	key := bytes.Repeat([]byte{8}, 32)
	if err := client.RekeyVault(map[string]string{"action": "add_slot", "kind": "key"}, key, 0); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(key, zeros) {
		t.Errorf("%q", key)
	}
	status, err = client.VaultStatus()
	if err != nil || strings.Count(string(status), `"kind":"keyfile"`) != 2 {
		t.Errorf("%v %s", err, status)
	}
	if err := client.RekeyVault(map[string]string{"action": "dance"}, nil, 0); !errors.Is(err, cordon.ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
	if err := client.RemoveSecret("name"); err != nil {
		t.Error(err)
	}
	if err := client.RemoveSecret("name"); !errors.Is(err, cordon.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
