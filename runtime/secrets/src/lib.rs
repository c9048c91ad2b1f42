//! The only crate that touches a plaintext key.
//!
//! Owns the steps of a call between its record and its reply: [`Secrets::inject`] finds the key and
//! places it in the request, [`Sender::send`] sends that to a checked address, and [`scrub`]
//! searches the reply for every key of the run before any of it is released. A key is in
//! [`Secrets`], in a [`Keyed`] request and in what the HTTP and TLS libraries make of it, and nowhere
//! else: no type here prints one, and no error holds text of an upstream. It never decides what is
//! allowed, follows no redirect, and reads the environment only in `sources/env.rs`.
//! Start with `inject`, then `send`, then `scrub`.

mod encode;
mod error;
mod inject;
mod keys;
mod scrub;
mod secret;
mod send;
mod sources;
#[cfg(test)]
mod testing;

pub use error::{CredentialError, ScrubError, SendError, SenderError, Trouble};
pub use inject::Keyed;
pub use keys::Secrets;
#[cfg(feature = "testing")]
pub use scrub::trial::Trial;
pub use scrub::{Echo, ScrubbedReply, scrub};
pub use send::{
    NameServer, Reach, Received, Resolver, Resolving, Sender, SentBody, SystemResolver, Traffic,
};
