//! The C ABI of libcordon as `cordon.h` declares it, generated from `abi/symbols.json`. Use the crate `cordon` instead
//! unless you need a function it does not offer.

#![allow(non_camel_case_types)]
#![warn(missing_docs)]

#[rustfmt::skip]
mod generated;

pub use generated::*;

/// A client: a token, never an address.
#[repr(C)]
pub struct cordon_client {
    _private: [u8; 0],
}

/// An error, owned by the host.
#[repr(C)]
pub struct cordon_error {
    _private: [u8; 0],
}
