//! The gate that every call passes, as its callers see it.
//!
//! Owns: the [`Gate`] trait and its plain data, [`Call`], [`Reply`], [`Body`] and [`Failure`], and
//! the [`Stop`] by which a run is ended from outside. Never decides anything and never sends.
//! The implementation behind the trait is the `broker`; the doors in `host-apis` call it. All of
//! it is data and streams, so that a process boundary can be put here without changing a caller.

mod body;
mod failure;
mod room;
mod stop;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use agentbox_policy::CallHead;

pub use body::{Body, BodyFailure};
pub use failure::{Cause, Failure};
pub use room::{Held, NoRoom, Room};
pub use stop::{Stop, Stopped};

/// A future that can be sent to another thread and owns what it needs.
pub type GateFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The one way from a guest to anything outside it.
pub trait Gate: Send + Sync {
    /// Puts `call` through the whole pipeline and answers with the upstream's reply, cleaned, or
    /// with the reason why there is none.
    fn call(&self, call: Call) -> GateFuture<Result<Reply, Failure>>;
}

/// A call as a door hands it over.
#[derive(Debug)]
pub struct Call {
    /// What the guest asks for.
    pub head: CallHead,
    /// The request's body, read as it is sent.
    pub body: Body,
    /// How long it may take; the policy's own bounds hold as well.
    pub patience: Patience,
}

/// How long a call may take where that is less than the policy's bounds; `None` where it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// For all of it, to the end of the reply: what is left of the policy's own bound.
    pub call: Option<Duration>,
    /// For the connection, TLS included.
    pub connect: Option<Duration>,
    /// From the request's end to the reply's head.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the reply's body.
    pub between_bytes: Option<Duration>,
}

/// An upstream's reply that has been through scrub.
pub struct Reply {
    /// The status, 200 to 599.
    pub status: http::StatusCode,
    /// Allow-listed headers, searched for keys.
    pub headers: http::HeaderMap,
    /// The body, searched as it streams; ends in a [`BodyFailure`] rather than release a key.
    pub body: Body,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
