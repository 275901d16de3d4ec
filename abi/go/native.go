package cordon

// #cgo !cordon_no_pkg_config pkg-config: cordon
// #include <cordon.h>
// #include <stdlib.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"strings"
	"unsafe"

	_ "cordon/contract" // a header that differs from the contract does not compile
)

// texts are C copies of Go strings, for the time of one call.
type texts struct {
	copies []*C.char
	err    error
}

// of copies text. C would end it at a NUL byte and act on the rest, so that is refused: see err.
func (t *texts) of(name, text string) *C.char {
	if strings.IndexByte(text, 0) >= 0 && t.err == nil {
		t.err = refused(ErrInvalidArgument, fmt.Sprintf("%s holds a NUL byte; remove it", name))
	}
	copied := C.CString(text)
	t.copies = append(t.copies, copied)
	return copied
}

// json copies a document; an empty one is NULL, "none".
func (t *texts) json(name string, document []byte) *C.char {
	if len(document) == 0 {
		return nil
	}
	return t.of(name, string(document))
}

func (t *texts) free() {
	for _, copied := range t.copies {
		C.free(unsafe.Pointer(copied))
	}
}

// taken makes a Go string of a text the library gave away, and gives it back.
func taken(text *C.char) string {
	if text == nil {
		return ""
	}
	defer C.cordon_string_free(text)
	return C.GoString(text)
}

// errorOf makes a Go error of what a call gave, and gives that back; nil for a status that is no error.
func errorOf(status C.int32_t, native *C.cordon_error) error {
	if status >= 0 {
		return nil
	}
	defer C.cordon_error_free(native)
	e := &Error{Code: ErrorCode(status), Message: C.GoString(C.cordon_error_message(native))}
	// The document says more, but nothing that has to be known: a part that can't be read is left out.
	_ = json.Unmarshal([]byte(C.GoString(C.cordon_error_json(native))), e)
	e.Code = ErrorCode(status)
	return e
}

// done is the error of a call that gives nothing but success.
func done(status C.int32_t, native *C.cordon_error) error {
	if err := errorOf(status, native); err != nil {
		return err
	}
	return unlessOK(Status(status))
}

// unlessOK refuses a condition where only a library newer than this package can give one: what it means is not known.
func unlessOK(status Status) error {
	if status == StatusOK {
		return nil
	}
	return refused(ErrNotSupported, fmt.Sprintf("the library answered with the condition %d (%s), which is not success; "+
		"use the package of the library's version", int32(status), status))
}

// Version is that of the loaded library, as text.
func Version() string { return C.GoString(C.cordon_version()) }

// LibraryABIVersion is the version of the loaded library's ABI; see ABIVersion.
func LibraryABIVersion() uint32 { return uint32(C.cordon_abi_version()) }

// Manifest describes the operations, their requests and permissions, as JSON.
func Manifest() json.RawMessage { return json.RawMessage(C.GoString(C.cordon_manifest())) }

func constantName(number int32) string { return C.GoString(C.cordon_status_name(C.int32_t(number))) }
