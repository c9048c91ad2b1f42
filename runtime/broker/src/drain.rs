//! A request's body that can be written to its end, whatever becomes of the request.

use std::pin::Pin;
use std::task::{Context, Poll};

use agentbox_gate::{Body, BodyFailure};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

/// Reads what is left of a body, and throws it away, once nobody else will.
///
/// HTTP libraries write the body before they look at the reply. Were the body closed under a guest
/// whose call is refused, it would see a broken stream and not the refusal.
#[derive(Debug)]
pub(crate) struct Drained {
    inner: Option<Body>,
    /// Bytes that may yet be read; a guest that writes on and on is cut off there.
    left: u64,
}

impl Drained {
    pub(crate) fn new(inner: Body, most: u64) -> Self {
        Self {
            inner: Some(inner),
            left: most,
        }
    }
}

impl http_body::Body for Drained {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let read = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.left = self.left.saturating_sub(read);
            }
            Poll::Ready(_) => self.inner = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        let Some(mut body) = self.inner.take() else {
            return;
        };
        let mut left = self.left;
        // Without a runtime there is no guest that could still write.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if http_body::Body::is_end_stream(&body) {
            return;
        }
        runtime.spawn(async move {
            while let Some(Ok(frame)) = body.frame().await {
                let read = frame.data_ref().map_or(0, Bytes::len) as u64;
                match left.checked_sub(read) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        });
    }
}
