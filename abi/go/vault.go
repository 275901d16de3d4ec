package cordon

// #include <cordon.h>
import "C"

import (
	"encoding/json"
	"time"
	"unsafe"
)

// KeyKind says what UnlockVault is given.
type KeyKind string

// The kinds of key.
const (
	Key        KeyKind = "key" // 32 bytes, or 64 hexadecimal digits
	Passphrase KeyKind = "passphrase"
)

// UnlockVault offers a key for the vault. secret is overwritten with zeros before it returns, whatever comes of it.
func (c *Client) UnlockVault(kind KeyKind, secret []byte) error {
	return c.secret("kind", string(kind), secret, func(text *C.char, bytes unsafe.Pointer, native **C.cordon_error) C.int32_t {
		return C.cordon_vault_unlock(c.native, text, bytes, C.size_t(len(secret)), native)
	})
}

// SetSecret stores a secret under a name, replacing an older one. value is overwritten with zeros before it returns,
// whatever comes of it. A secret that ever was a string can't be wiped: read it into a []byte.
func (c *Client) SetSecret(name string, value []byte) error {
	return c.secret("name", name, value, func(text *C.char, bytes unsafe.Pointer, native **C.cordon_error) C.int32_t {
		return C.cordon_secret_set(c.native, text, bytes, C.size_t(len(value)), native)
	})
}

// secret makes a call that takes a text and secret bytes; the library reads them where they are, so there is no copy.
func (c *Client) secret(what, text string, secret []byte, call func(*C.char, unsafe.Pointer, **C.cordon_error) C.int32_t) error {
	defer wipe(secret)
	var bytes unsafe.Pointer
	if len(secret) > 0 {
		bytes = unsafe.Pointer(&secret[0])
	}
	return c.name(what, text, func(copied *C.char, native **C.cordon_error) C.int32_t {
		return call(copied, bytes, native)
	})
}

// RekeyVault changes the vault's key slots or rotates its store key, in one save: see cordon_vault_rekey in cordon.h for
// what change may say, as {"action": "add_slot", "kind": "key"}; it is marshalled to JSON, nil means rotate. newSecret is
// the new key or passphrase, nil for none, and is overwritten with zeros before it returns. timeout is how long to wait
// for another writer; 0 means the configured time-out.
func (c *Client) RekeyVault(change any, newSecret []byte, timeout time.Duration) error {
	document := []byte(`{"action":"rotate"}`)
	if change != nil {
		var err error
		if document, err = json.Marshal(change); err != nil {
			wipe(newSecret)
			return refused(ErrInvalidArgument, "the change is no JSON object: "+err.Error())
		}
	}
	return c.secret("change", string(document), newSecret, func(text *C.char, bytes unsafe.Pointer, native **C.cordon_error) C.int32_t {
		return C.cordon_vault_rekey(c.native, text, bytes, C.size_t(len(newSecret)), milliseconds(timeout), native)
	})
}

func wipe(secret []byte) {
	for i := range secret {
		secret[i] = 0
	}
}

// RemoveSecret removes a secret.
func (c *Client) RemoveSecret(name string) error {
	return c.name("name", name, func(text *C.char, native **C.cordon_error) C.int32_t {
		return C.cordon_secret_remove(c.native, text, native)
	})
}

// VaultStatus lists the names of the secrets and the key slots, never a value.
func (c *Client) VaultStatus() (json.RawMessage, error) {
	var out *C.char
	var native *C.cordon_error
	status := C.cordon_vault_status(c.native, &out, &native)
	document := taken(out)
	if err := done(status, native); err != nil {
		return nil, err
	}
	return json.RawMessage(document), nil
}
