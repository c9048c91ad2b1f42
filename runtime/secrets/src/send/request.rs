//! The request as it goes out: head and body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agentbox_gate::Body;
use agentbox_policy::{Amount, Approved, Bound, Scheme};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::deadlines::Deadlines;
use super::traffic::Sent;
use crate::error::{Exceeded, Trouble};

/// A request ready to be written in one of the versions of HTTP.
pub(super) struct Outgoing<'a> {
    pub(super) approved: &'a Approved,
    pub(super) target: Zeroizing<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: RequestBody,
}

impl Outgoing<'_> {
    /// The request for a connection that speaks `version`.
    pub(super) fn into_request(self, version: Version) -> Result<Request<RequestBody>, Trouble> {
        let bug = |what| move |_| Trouble::Bug(what);
        let Self {
            approved,
            target,
            mut headers,
            body,
        } = self;
        let path = PathAndQuery::try_from(target.as_str()).map_err(bug("the path is no path"))?;
        if path.as_str() != target.as_str() {
            return Err(Trouble::Bug("the path would be sent in another form"));
        }
        let mut uri = Uri::from(path).into_parts();
        if version == Version::HTTP_2 {
            // Scheme and authority are fields of their own there, and replace `host`.
            let authority = approved.origin().authority();
            let authority = Authority::try_from(authority).map_err(bug("the origin is none"))?;
            headers.remove(HOST);
            uri.authority = Some(authority);
            uri.scheme = Some(match approved.origin().scheme() {
                Scheme::Http => http::uri::Scheme::HTTP,
                Scheme::Https => http::uri::Scheme::HTTPS,
            });
        }
        if let Some(length) = body.length(approved.method()) {
            headers.insert(CONTENT_LENGTH, length.into());
        } else if version == Version::HTTP_11 && body.length.is_none() {
            // Unless told, the library leaves out the body of a GET or HEAD.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        body.sent.begin();
        let mut request = Request::new(body);
        *request.method_mut() = approved.method().clone();
        *request.uri_mut() = Uri::from_parts(uri).map_err(|_parts| Trouble::Bug("no address"))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// The guest's body on its way out: counted, digested, capped, and held to the length it announced.
pub(super) struct RequestBody {
    inner: Body,
    /// A piece that was read ahead.
    ahead: Option<Bytes>,
    length: Option<u64>,
    cap: u64,
    sent: Sent,
    /// Says once how the body ended.
    ended: Option<oneshot::Sender<Option<Trouble>>>,
}

/// What becomes of a request's body while it is sent.
pub(super) struct Progress {
    pub(super) sent: Sent,
    /// Tells when the body has ended, and why if it failed. Dropped unsaid when nobody wants more
    /// of it.
    pub(super) ended: oneshot::Receiver<Option<Trouble>>,
}

/// The body broke off. Why is said elsewhere; libraries get to see only this.
#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
pub(super) struct BrokeOff;

impl RequestBody {
    /// The body of a request with this method and, perhaps, announced length.
    ///
    /// A body whose length is not known is framed in a way that surprises servers where the method
    /// hardly ever has one, so for those methods its first piece is awaited.
    ///
    /// # Errors
    ///
    /// When the body is known to be too long or not as long as announced, or has failed already.
    pub(super) async fn open(
        inner: Body,
        approved: &Approved,
        cap: u64,
        deadlines: &Deadlines,
    ) -> Result<(Self, Progress), Trouble> {
        let (ended, progress) = oneshot::channel();
        let exact = inner.size_hint().exact();
        let length = approved.content_length().or(exact);
        let sent = Sent::default();
        let progress = Progress {
            sent: sent.clone(),
            ended: progress,
        };
        let mut body = Self {
            inner,
            ahead: None,
            length,
            cap,
            sent,
            ended: Some(ended),
        };
        if length.is_some_and(|length| length > cap) {
            return Err(body.too_long());
        }
        if exact.is_some_and(|exact| Some(exact) != length) {
            return Err(mismatch());
        }
        let method = approved.method();
        let rarely = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
        if exact.is_none() && (length == Some(0) || (length.is_none() && rarely.contains(method))) {
            deadlines.within_call(body.read_ahead()).await??;
        }
        if body.is_end_stream() {
            body.end(None);
        }
        Ok((body, progress))
    }

    async fn read_ahead(&mut self) -> Result<(), Trouble> {
        loop {
            match self.inner.frame().await {
                None => {
                    self.length = Some(0);
                    return Ok(());
                }
                Some(Err(failure)) => return Err(Trouble::RequestFailed(failure)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(_) if self.length == Some(0) => return Err(mismatch()),
                    Ok(data) => {
                        self.ahead = Some(data);
                        return Ok(());
                    }
                    Err(_trailers) => return Err(trailers()),
                },
            }
        }
    }

    /// What `content-length` says, if there is to be one.
    fn length(&self, method: &Method) -> Option<u64> {
        let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        self.length.filter(|length| *length > 0 || expects_body)
    }

    /// Checks a piece, or the end, against what was announced and what is allowed.
    fn check(&mut self, frame: Option<Frame<Bytes>>) -> Result<Option<Bytes>, Trouble> {
        let Some(frame) = frame else {
            let short = self.length.is_some_and(|length| self.sent.total() < length);
            return if short { Err(mismatch()) } else { Ok(None) };
        };
        let data = frame.into_data().map_err(|_trailers| trailers())?;
        let total = self.sent.total().saturating_add(data.len() as u64);
        if self.length.is_some_and(|length| total > length) {
            return Err(mismatch());
        }
        if total > self.cap {
            return Err(self.too_long());
        }
        self.sent.add(&data);
        Ok(Some(data))
    }

    fn end(&mut self, trouble: Option<Trouble>) {
        if let Some(ended) = self.ended.take() {
            // Nobody listens any more once the reply is there.
            drop(ended.send(trouble));
        }
    }

    fn too_long(&self) -> Trouble {
        let allowed = Bound::request_body().allowing(Amount::Bytes(self.cap));
        Trouble::RequestBody(Exceeded::new(
            format!("the request's body has more than {} bytes", self.cap),
            format!("the request's body is larger than {allowed}"),
        ))
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        if self.ended.is_none() {
            return Poll::Ready(None);
        }
        let frame = loop {
            let frame = match self.ahead.take() {
                Some(data) => Some(Ok(Frame::data(data))),
                None => ready!(Pin::new(&mut self.inner).poll_frame(context)),
            };
            // A frame of no bytes says nothing, and servers take many of them for an attack.
            let empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            if !matches!(&frame, Some(Ok(frame)) if empty(frame)) {
                break frame;
            }
        };
        let checked = match frame.transpose() {
            Ok(frame) => self.check(frame),
            Err(failure) => Err(Trouble::RequestFailed(failure)),
        };
        Poll::Ready(match checked {
            Ok(Some(data)) => {
                // A library that was told the length does not ask again after the last byte, so
                // what a guest writes beyond it never leaves.
                if self.is_end_stream() || self.length == Some(self.sent.total()) {
                    self.end(None);
                }
                Some(Ok(Frame::data(data)))
            }
            Ok(None) => {
                self.end(None);
                None
            }
            Err(trouble) => {
                self.end(Some(trouble));
                Some(Err(BrokeOff))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0) || (self.ahead.is_none() && self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.sent.total())),
            None => SizeHint::default(),
        }
    }
}

fn mismatch() -> Trouble {
    Trouble::RequestBody(Exceeded::fixed(
        "the request's body is not as long as announced",
    ))
}

fn trailers() -> Trouble {
    Trouble::RequestBody(Exceeded::fixed(
        "the request has trailers, which are not sent",
    ))
}
