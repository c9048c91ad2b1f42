//! The search of replies without an upstream, for tests of other crates that make replies up.

use std::fmt;
use std::sync::Arc;

use agentbox_gate::{Body, BodyFailure};
use agentbox_policy::Placement;
use bytes::Bytes;
use http::response::Parts;
use zeroize::Zeroizing;

use super::body::Scrubbed;
use super::known::Known;
use super::{Echo, patterns, search_head};
use crate::secret::Secret;

/// Made-up keys that are looked for in made-up replies, exactly as [`scrub`](super::scrub) does it.
#[derive(Clone, Default)]
pub struct Trial(Arc<Known>);

impl Trial {
    /// From now on looks for `key` as well, as it is and as `placement` renders it; false where it
    /// cannot be a key.
    #[must_use]
    pub fn add(&self, key: &[u8], placement: &Placement) -> bool {
        let secret = Secret::parse(Zeroizing::new(key.to_vec()));
        let patterns = secret.map(|secret| patterns::of("trial", &secret, placement));
        patterns.map(|patterns| self.0.add(patterns)).is_ok()
    }

    /// The first key in the head of a reply.
    #[must_use]
    pub fn head(&self, head: &Parts) -> Option<Echo> {
        search_head(&self.0, head).err()
    }

    /// A body as a guest gets it; `on_echo` is called when a key is found.
    pub fn body<B>(&self, inner: B, on_echo: impl Fn(&Echo) + Send + Sync + 'static) -> Body
    where
        B: http_body::Body<Data = Bytes, Error = BodyFailure> + Send + Unpin + 'static,
    {
        Body::new(Scrubbed::new(inner, Arc::clone(&self.0), Box::new(on_echo)))
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").finish_non_exhaustive()
    }
}
