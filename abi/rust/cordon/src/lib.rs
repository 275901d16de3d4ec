//! Contains devices with Microsoft Defender for Endpoint through libcordon.
//!
//! An action ends with an [`Outcome`], of which only [`Outcome::Done`] means that the device did it, or with an
//! [`Error`]. Blocking calls hold the caller's thread; [`Client::wait`] is a future that any executor can poll and holds
//! none: one thread of the client reads the library's events for everybody who waits. Dropping a [`Wait`] ends the
//! waiting and nothing else; dropping a [`Running`] interrupts its call: what was not sent never will be, what was sent
//! goes on. Neither withdraws a request; [`Client::withdraw`] does.
//!
//! The library is linked: `cordon-sys` asks `CORDON_LIB_DIR`, then pkg-config, where it is, and the system's loader
//! finds it at run time. Its versioned symbols make a library that is too old fail at once, and packaging tools see the
//! dependency.

#![warn(missing_docs)]

mod client;
#[rustfmt::skip]
mod documents;
mod error;
mod events;
pub mod json;
mod native;
mod outcome;
mod pump;
mod running;
mod secret;
#[rustfmt::skip]
mod status;
mod wait;

pub use client::{Client, KeyKind};
pub use documents::{Action, Event, Options, Priority, State, Until};
pub use error::{Error, ErrorDetails, Result};
pub use events::{Events, NextEvent, Scope};
pub use native::{abi_version, manifest, version};
pub use outcome::Outcome;
pub use running::Running;
pub use secret::Secret;
pub use status::ErrorCode;
pub use wait::Wait;
