//! Sending a keyed request: to a checked address, once, as it was approved.

mod connect;
mod deadlines;
mod exchange;
mod request;
mod resolve;
mod response;
mod tls;
mod traffic;

use std::fmt;
use std::sync::Arc;

use agentbox_gate::{Body, Patience};
use agentbox_policy::{Bounds, Origin, Scheme};
use agentbox_record::Recorded;

use crate::error::{SendError, SenderError, Trouble};
use crate::inject::Keyed;
use connect::{Connected, connect};
use deadlines::Deadlines;
use exchange::Connection;
use request::{Outgoing, RequestBody};
pub use resolve::{Resolver, Resolving};
pub use traffic::{SentBody, Traffic};

/// Sends requests under the bounds of a policy. Cloning is cheap and shares TLS sessions.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

struct Inner {
    bounds: Bounds,
    resolver: Arc<dyn Resolver>,
    tls: tls::Tls,
}

impl Sender {
    /// A sender that trusts the system's certificate authorities and those of `extra_ca_pem`, and
    /// asks the system's resolver. The system's authorities are read when first needed.
    ///
    /// # Errors
    ///
    /// When one of the PEM texts holds no certificate, or something that is none.
    pub fn new(extra_ca_pem: &[Vec<u8>], bounds: &Bounds) -> Result<Self, SenderError> {
        Self::with_resolver(extra_ca_pem, bounds, Arc::new(resolve::System))
    }

    /// The same, with a resolver of the host's own. What it answers is checked all the same.
    ///
    /// # Errors
    ///
    /// As [`Sender::new`].
    pub fn with_resolver(
        extra_ca_pem: &[Vec<u8>],
        bounds: &Bounds,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, SenderError> {
        let tls = tls::Tls::new(extra_ca_pem)?;
        Ok(Self(Arc::new(Inner {
            bounds: *bounds,
            resolver,
            tls,
        })))
    }

    /// Sends the request and waits for the head of the reply.
    ///
    /// The request is the approved one and nothing else. No redirect is followed, no proxy asked,
    /// no cookie kept, nothing decompressed. `patience` may shorten the deadlines of the policy,
    /// never lengthen them. Dropping the future, or later the reply, closes the connection.
    ///
    /// # Errors
    ///
    /// When there is no reply, or none that may be handed on.
    pub async fn send(
        &self,
        keyed: Keyed,
        body: Body,
        patience: Patience,
    ) -> Result<Received, SendError> {
        let Inner {
            bounds, resolver, ..
        } = &*self.0;
        let Keyed {
            target,
            headers,
            recorded,
        } = keyed;
        let approved = recorded.approved();
        let deadlines = Deadlines::start(bounds, &patience);
        let unsent = |trouble| SendError::new(trouble, None);

        let body = RequestBody::open(body, approved, bounds.request_body, &deadlines);
        let (body, progress) = body.await.map_err(unsent)?;
        let connected = connect(approved, &**resolver, &deadlines)
            .await
            .map_err(unsent)?;
        let traffic = Traffic::new(connected.address, progress.sent.clone());
        let broken = |trouble| SendError::new(trouble, Some(traffic.clone()));

        let connection = self.0.agree(connected, approved.origin());
        let connection = deadlines
            .within_call(connection)
            .await
            .flatten()
            .map_err(broken)?;
        let request = Outgoing {
            approved,
            target,
            headers,
            body,
        };
        let reply = connection
            .exchange(request, progress, &deadlines)
            .await
            .map_err(broken)?;
        let reply = response::open(reply, &traffic, &deadlines, bounds.reply_body);
        let (head, body) = reply.map_err(broken)?;
        Ok(Received {
            head,
            body,
            traffic,
            recorded,
        })
    }
}

impl Inner {
    /// Settles who the other end is and which version of HTTP it speaks.
    async fn agree(&self, connected: Connected, origin: &Origin) -> Result<Connection, Trouble> {
        let Connected { stream, due, .. } = connected;
        match origin.scheme() {
            Scheme::Http => Connection::http1(stream).await,
            Scheme::Https => {
                let stream = self.tls.wrap(stream, origin, due).await?;
                if tls::is_http2(&stream) {
                    Connection::http2(stream).await
                } else {
                    Connection::http1(stream).await
                }
            }
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("bounds", &self.0.bounds)
            .finish_non_exhaustive()
    }
}

/// A reply as it came: not searched yet, so nothing of it can be read.
pub struct Received {
    pub(crate) head: http::response::Parts,
    pub(crate) body: response::ReplyBody,
    pub(crate) traffic: Traffic,
    pub(crate) recorded: Recorded,
}

impl Received {
    /// The status, 200 to 599; a number tells no key.
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        self.head.status
    }

    /// What went over the connection.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("traffic", &self.traffic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
