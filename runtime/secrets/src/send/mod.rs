//! Sending a keyed request: to a checked address, once, as it was approved.

mod connect;
mod connection;
mod deadlines;
mod exchange;
mod own;
mod pool;
mod request;
mod resolve;
mod response;
mod tls;
mod traffic;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use agentbox_gate::{Body, Patience};
use agentbox_policy::{Approved, Bounds, Origin, Scheme};
use agentbox_record::Recorded;

use crate::error::{SendError, SenderError, Trouble};
use crate::inject::Keyed;
use connect::{Connected, connect};
use connection::{Agreed, Connection};
use deadlines::Deadlines;
use exchange::{Unanswered, exchange};
use pool::{Keeping, Key, Pool};
use request::{Outgoing, RequestBody};
pub use resolve::{NameServer, Resolver, Resolving, SystemResolver};
use traffic::Sent;
pub use traffic::{SentBody, Traffic};

/// Sends the requests of one run under the bounds of its policy. Cloning is cheap and shares TLS
/// sessions and connections, so each run has a sender of its own.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

struct Inner {
    bounds: Bounds,
    reach: Reach,
    tls: tls::Tls,
    pool: Pool,
}

/// How upstreams are found and known, and what is none.
pub struct Reach {
    /// Certificate authorities to trust besides the system's: PEM files.
    pub authorities: Vec<Vec<u8>>,
    /// Addresses that this process listens on. They are never dialled, whatever the policy admits;
    /// an unspecified address stands for every one of this machine's.
    pub own: Vec<SocketAddr>,
    /// Who is asked for the addresses of names. What it answers is checked all the same.
    pub resolver: Arc<dyn Resolver>,
}

impl Default for Reach {
    /// The system's authorities and resolver; this process listens nowhere.
    fn default() -> Self {
        Self {
            authorities: Vec::new(),
            own: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl Sender {
    /// A sender for one run. The system's certificate authorities are read when first needed.
    ///
    /// # Errors
    ///
    /// When one of the PEM texts holds no certificate, or something that is none.
    pub fn new(reach: Reach, bounds: &Bounds) -> Result<Self, SenderError> {
        Self::keeping(reach, bounds, Keeping::default())
    }

    fn keeping(reach: Reach, bounds: &Bounds, keeping: Keeping) -> Result<Self, SenderError> {
        let tls = tls::Tls::new(&reach.authorities)?;
        Ok(Self(Arc::new(Inner {
            bounds: *bounds,
            reach,
            tls,
            pool: Pool::new(keeping),
        })))
    }

    /// Sends the request and waits for the head of the reply.
    ///
    /// The request is the approved one and nothing else, and is written once at most. No redirect
    /// is followed, no proxy asked, no cookie kept, nothing decompressed. `patience` may shorten
    /// the deadlines of the policy, never lengthen them. Dropping the future, or later the reply
    /// before its end, closes the connection, or resets the stream where calls share it.
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
        let Inner { bounds, pool, .. } = &*self.0;
        let Keyed {
            target,
            headers,
            version,
            recorded,
        } = keyed;
        let approved = recorded.approved();
        let deadlines = Deadlines::start(bounds, &patience);

        let body = RequestBody::open(body, approved, bounds.request_body, &deadlines);
        let (mut body, mut progress) = body
            .await
            .map_err(|trouble| SendError::new(trouble, None))?;
        let named = |version| Some((approved.credential()?.name().to_owned(), version));
        let home = pool.home(Key {
            origin: approved.origin().clone(),
            grant: approved.grant().to_owned(),
            credential: version.and_then(named),
        });
        let kept = pool.take(home.key(), |address| approved.addresses().admits(address));
        let mut kept = kept.await;
        let (reply, traffic) = loop {
            let was_kept = kept.is_some();
            let connection = match kept.take() {
                Some(kept) => kept,
                None => self.0.dial(approved, &progress.sent, &deadlines).await?,
            };
            let traffic = Traffic::new(connection.address(), progress.sent.clone());
            let broken = |trouble| SendError::new(trouble, Some(traffic.clone()));
            let request = Outgoing {
                approved,
                target: target.clone(),
                headers: headers.clone(),
                body,
            };
            let sent = exchange(connection, &home, request, &mut progress, &deadlines);
            match sent.await {
                Ok(reply) => break (reply, traffic),
                // One that was kept may be over by now. Nothing was written then, so one is
                // dialled; whatever was written is not written again.
                Err(Unanswered::Unsent(whole)) => {
                    progress.sent.take_back();
                    if !was_kept {
                        return Err(broken(Trouble::ReplyIncomplete));
                    }
                    body = whole;
                }
                Err(Unanswered::Failed(trouble)) => return Err(broken(trouble)),
            }
        };
        let (method, cap) = (approved.method(), bounds.reply_body);
        let opened = response::open(reply, method, &traffic, &deadlines, cap);
        let (head, body) =
            opened.map_err(|trouble| SendError::new(trouble, Some(traffic.clone())))?;
        Ok(Received {
            head,
            body,
            traffic,
            recorded,
        })
    }
}

impl Inner {
    /// A new connection, to an address that was checked for it.
    async fn dial(
        &self,
        approved: &Approved,
        sent: &Sent,
        deadlines: &Deadlines,
    ) -> Result<Connection, SendError> {
        let connected = connect(approved, &self.reach, deadlines).await;
        let connected = connected.map_err(|trouble| SendError::new(trouble, None))?;
        let traffic = Traffic::new(connected.address, sent.clone());
        let agreed = self.agree(connected, approved.origin());
        let agreed = deadlines.within_call(agreed).await.flatten();
        agreed.map_err(|trouble| SendError::new(trouble, Some(traffic)))
    }

    /// Settles who the other end is and which version of HTTP it speaks.
    async fn agree(&self, connected: Connected, origin: &Origin) -> Result<Connection, Trouble> {
        let Connected {
            stream,
            address,
            due,
        } = connected;
        let socket = connection::second(&stream, address)?;
        match origin.scheme() {
            Scheme::Http => {
                Connection::http1(Agreed {
                    stream,
                    address,
                    socket,
                })
                .await
            }
            Scheme::Https => {
                let stream = self.tls.wrap(stream, origin, due).await?;
                let is_http2 = tls::is_http2(&stream);
                let agreed = Agreed {
                    stream,
                    address,
                    socket,
                };
                if is_http2 {
                    Connection::http2(agreed).await
                } else {
                    Connection::http1(agreed).await
                }
            }
        }
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("own", &self.own)
            .finish_non_exhaustive()
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
