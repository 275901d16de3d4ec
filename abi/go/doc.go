// Package cordon contains devices with Microsoft Defender for Endpoint through libcordon.
//
// An action ends with an Outcome, of which only Done means that the device did it, or with an *Error. A context that ends
// while a call waits interrupts the call (cordon_interrupt): what was not sent never will be; what was sent, or submitted,
// goes on. It never withdraws a request; Withdraw does.
//
// RestrictCodeExecution, StopAndQuarantine, Act, Read and PollAction hold an operating system thread while the library
// works. Wait and Events do not: however many goroutines wait, one of them reads the library's event descriptor through
// the runtime's poller. For many devices, Submit and Wait.
//
// The library is found by pkg-config when the program is built, and by the system's loader when it runs: its versioned
// symbols make a library that is too old fail at once, and packaging tools see the dependency. With the build tag
// cordon_no_pkg_config, CGO_CFLAGS and CGO_LDFLAGS say where it is.
package cordon
