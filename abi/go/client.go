package cordon

// #include <cordon.h>
import "C"

import (
	"sync"
	"time"
	"unsafe"
)

// Client is a client of the library. All its methods may be called from any goroutine. End it with Close.
type Client struct {
	native *C.cordon_client // a token, never an address; valid for comparison by the library alone

	mutex sync.Mutex
	pump  *pump // made by the first Wait or Events
}

// Open opens a client. config is the configuration as JSON; an empty one stands for the file that $CORDON_CONFIG names,
// then /etc/cordon/cordon.json. A vault without a usable key yet is no error: its first use says ErrVaultLocked.
func Open(config string) (*Client, error) {
	var in texts
	defer in.free()
	text := in.json("config", []byte(config))
	if in.err != nil {
		return nil, in.err
	}
	client := &Client{}
	var native *C.cordon_error
	if err := done(C.cordon_init(C.CORDON_ABI_VERSION, text, &client.native, &native), native); err != nil {
		C.cordon_client_free(client.native) // there is one if it is a condition
		return nil, err
	}
	return client, nil
}

// Handle is the cordon_client * of cordon.h, for functions that this package does not offer. It ends with Close.
func (c *Client) Handle() unsafe.Pointer { return unsafe.Pointer(c.native) }

// Reload takes over a changed configuration; calls under way finish under the old one. On an error the old one stays.
func (c *Client) Reload(config string) error {
	var in texts
	defer in.free()
	text := in.json("config", []byte(config))
	if in.err != nil {
		return in.err
	}
	var native *C.cordon_error
	return done(C.cordon_reload(c.native, text, &native), native)
}

// Shutdown refuses new work and takes back blocking calls that have not sent; accepted and submitted requests stay in the
// ledger for the next client. It waits at most timeout for transfers under way; 0 means the configured time-out.
func (c *Client) Shutdown(timeout time.Duration) error {
	var native *C.cordon_error
	err := done(C.cordon_shutdown(c.native, milliseconds(timeout), &native), native)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.pump != nil {
		_ = c.pump.drain() // tells those who wait
	}
	return err
}

// Close shuts the client down, if that has not been done, and ends it. Waiting calls return ErrShuttingDown. It may be
// called again.
func (c *Client) Close() error {
	C.cordon_client_free(c.native)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.pump != nil {
		c.pump.end()
	}
	return nil
}

// Withdraw takes back a request of which no byte has left; otherwise errors.Is(err, ErrInvalidState). To stop an action
// at the service, Act "cancel_action".
func (c *Client) Withdraw(requestID string) error {
	return c.name("requestID", requestID, func(text *C.char, native **C.cordon_error) C.int32_t {
		return C.cordon_withdraw(c.native, text, native)
	})
}

// Interrupt wakes the calls that carry this Options.CallID; errors.Is(err, ErrNotFound) if none is waiting. It changes
// nothing at the service. A cancelled context does the same for its call.
func (c *Client) Interrupt(callID string) error {
	return c.name("callID", callID, func(text *C.char, native **C.cordon_error) C.int32_t {
		return C.cordon_interrupt(c.native, text, native)
	})
}

// name makes a call that takes one text and gives nothing but success.
func (c *Client) name(what, text string, call func(*C.char, **C.cordon_error) C.int32_t) error {
	var in texts
	defer in.free()
	copied := in.of(what, text)
	if in.err != nil {
		return in.err
	}
	var native *C.cordon_error
	return done(call(copied, &native), native)
}

// milliseconds rounds up, so that a short wait is not "none"; 0 and less is the library's default.
func milliseconds(duration time.Duration) C.int32_t {
	const longest = 1<<31 - 1
	count := (duration + time.Millisecond - 1) / time.Millisecond
	switch {
	case duration <= 0:
		return -1
	case count > longest:
		return longest
	default:
		return C.int32_t(count)
	}
}
