// Package contract holds the installed cordon.h against the contract that the binding was generated from: what differs
// does not compile.
package contract

// #cgo !cordon_no_pkg_config pkg-config: cordon
// #include "contract_gen.h"
import "C"

// Member is one member of the function table: where it was when the binding was generated, and where this build has it.
type Member struct {
	Name      string
	Generated uintptr
	Built     uintptr
}

// BuiltSize is the size of the table in the header of this build; a later minor version appends to it.
const BuiltSize = C.sizeof_cordon_api_v1

// LibraryTable returns the size and the version of the loaded library's table.
func LibraryTable() (size, version uint32) {
	api := C.cordon_get_api(C.CORDON_ABI_VERSION / 1000000)
	return uint32(api.struct_size), uint32(api.abi_version)
}
