//! A streamed body, of a call or of a reply.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use crate::Failure;

/// Bytes that arrive over time and may end in a failure.
///
/// Its failure is boxed, since a body is polled far more often than it fails.
pub struct Body(UnsyncBoxBody<Bytes, BodyFailure>);

/// Why a body ended before its end.
pub type BodyFailure = Box<Failure>;

impl Body {
    /// The body that `inner` streams.
    pub fn new<B>(inner: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyFailure> + Send + 'static,
    {
        Self(inner.boxed_unsync())
    }

    /// No bytes at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// These bytes and no more.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Self::new(http_body_util::Full::new(bytes).map_err(|never| match never {}))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
