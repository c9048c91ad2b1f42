//! Searching a reply for every key of the run before any of it is released.
//!
//! A key is found as it is, in base64 or base64url at any alignment, and in hexadecimal, each also
//! percent-encoded or JSON-escaped, up to twice: in the status text, in header names and values,
//! also of headers that are dropped anyway, and anywhere in the body. What is found stops the call;
//! nothing is cut out and the rest delivered, since what is left would tell where it was.

mod automaton;
mod body;
mod escapes;
mod known;
pub(crate) mod patterns;
mod search;
#[cfg(test)]
mod tests;
#[cfg(feature = "testing")]
pub(crate) mod trial;

use std::fmt;
use std::sync::Arc;

use agentbox_gate::{Body, Reply};
use agentbox_policy::ReplyHeaders;
use http::header::CONTENT_ENCODING;
use http::response::Parts;
use http::{HeaderMap, HeaderName};
use http_body::Body as _;
use hyper::ext::ReasonPhrase;

use crate::error::ScrubError;
use crate::keys::Secrets;
use crate::send::{Received, Traffic};
pub(crate) use known::Known;
use search::{Found, Kind, Search};

/// What a guest is told when a key came back.
pub(crate) const ECHO_MESSAGE: &str = "the reply held a credential, so the run was stopped";

/// A key that an upstream sent back: which one, how and where. Never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The credential's name.
    pub credential: String,
    /// How it was encoded: `plain`, `base64`, `hex` and the like.
    pub encoding: &'static str,
    /// The escapes it was wrapped in, such as `json-escaped`.
    pub escape: Option<&'static str>,
    /// `status`, `header` or `body`.
    pub place: &'static str,
    /// How many bytes of the status text, the header's name or value, or the body there are up to
    /// its end.
    pub offset: u64,
}

impl Echo {
    fn new(found: Found, place: &'static str) -> Self {
        let Found {
            credential,
            encoding,
            escape,
            offset,
        } = found;
        Self {
            credential,
            encoding,
            escape,
            place,
            offset,
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            credential,
            encoding,
            escape,
            place,
            offset,
        } = self;
        write!(f, "the key of credential `{credential}` ({encoding}")?;
        if let Some(escape) = escape {
            write!(f, ", {escape}")?;
        }
        write!(f, ") in its {place}, ending at byte {offset}")
    }
}

/// Headers that never reach a guest, whatever a grant says: framing and hop-by-hop ones, which
/// describe a connection the guest is not on, and those that carry or ask for credentials.
const NEVER: [HeaderName; 17] = [
    http::header::ALT_SVC,
    http::header::CONNECTION,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_LENGTH,
    http::header::PROXY_AUTHENTICATE,
    http::header::PROXY_AUTHORIZATION,
    http::header::REFRESH,
    http::header::SET_COOKIE,
    http::header::STRICT_TRANSPORT_SECURITY,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::WWW_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("set-cookie2"),
];

/// A reply that may be handed to the guest.
pub struct ScrubbedReply {
    // INVARIANT: made only by `scrub`.
    reply: Reply,
    traffic: Traffic,
}

impl ScrubbedReply {
    /// The reply, and the counts that go on while its body is read.
    #[must_use]
    pub fn into_reply(self) -> (Reply, Traffic) {
        (self.reply, self.traffic)
    }
}

impl fmt::Debug for ScrubbedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrubbedReply")
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}

/// Searches the reply's head now and its body as it streams, for all keys that `secrets` has given
/// out by then.
///
/// `on_echo` is called once if a key is found, in the head or in the body, before the guest learns
/// of it. After that nothing more of the reply is released.
///
/// # Errors
///
/// When the head holds a key, or the body comes encoded and so cannot be searched.
pub fn scrub(
    received: Received,
    secrets: &Secrets,
    on_echo: impl Fn(&Echo) + Send + Sync + 'static,
) -> Result<ScrubbedReply, ScrubError> {
    let Received {
        head,
        body,
        traffic,
        recorded,
    } = received;
    let known = secrets.known();
    if let Err(echo) = search_head(known, &head) {
        on_echo(&echo);
        return Err(ScrubError::Echo(echo));
    }
    if !body.is_end_stream() && !is_identity(&head.headers) {
        return Err(ScrubError::Unscannable);
    }
    let headers = allowed(&head.headers, recorded.approved().reply_headers());
    let body = Body::new(body::Scrubbed::new(
        body,
        Arc::clone(known),
        Box::new(on_echo),
    ));
    Ok(ScrubbedReply {
        reply: Reply {
            status: head.status,
            headers,
            body,
        },
        traffic,
    })
}

fn search_head(known: &Arc<Known>, head: &Parts) -> Result<(), Echo> {
    let search = |kind: Kind, text: &[u8], place: &'static str| {
        let mut search = Search::new(Arc::clone(known), kind);
        let found = search.read(&[], text, 0).and_then(|()| search.finish());
        found.map_err(|found| Echo::new(found, place))
    };
    if let Some(reason) = head.extensions.get::<ReasonPhrase>() {
        search(Kind::Text, reason.as_bytes(), "status")?;
    }
    for (name, value) in &head.headers {
        search(Kind::Name, name.as_str().as_bytes(), "header")?;
        search(Kind::Text, value.as_bytes(), "header")?;
    }
    Ok(())
}

fn is_identity(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn allowed(headers: &HeaderMap, rule: &ReplyHeaders) -> HeaderMap {
    let may_pass = |name: &HeaderName| rule.allows(name) && !NEVER.contains(name);
    let passed = headers.iter().filter(|(name, _)| may_pass(name));
    passed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
