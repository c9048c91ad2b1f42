//! The reply as it comes in: its head checked, its body counted and timed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentbox_gate::{BodyFailure, Failure};
use agentbox_policy::{Amount, Bound};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::deadlines::{Deadlines, Due, Wait};
use super::exchange::{Hold, in_our_words};
use super::traffic::{Counter, Traffic};
use crate::error::{Exceeded, Trouble};

/// The most headers a reply may have; what HTTP libraries commonly take.
pub(super) const HEAD_HEADERS: usize = 100;

/// The most bytes a reply's head may have; what HTTP servers commonly send at most, eight times.
pub(super) const HEAD_BYTES: u32 = 64 * 1024;

/// Checks the head of the reply and makes its body ready to be read.
pub(super) fn open(
    (reply, hold): (Response<Incoming>, Hold),
    method: &Method,
    traffic: &Traffic,
    deadlines: &Deadlines,
    cap: u64,
) -> Result<(Parts, ReplyBody), Trouble> {
    let (head, incoming) = reply.into_parts();
    check(&head)?;
    // The length that such a reply tells is that of a body that does not come.
    let bodiless = method == Method::HEAD
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
    let length = incoming.size_hint().exact().filter(|_| !bodiless);
    if length.is_some_and(|length| length > cap) {
        return Err(too_large(cap));
    }
    let between = deadlines.between_bytes.map(|wait| Between {
        wait,
        due: Box::pin(sleep_until(Instant::now() + wait.time)),
    });
    let body = ReplyBody {
        incoming,
        bodiless,
        hold: Some(hold),
        received: traffic.received_counter(),
        cap,
        over: Box::pin(sleep_until(deadlines.call.at)),
        call: deadlines.call,
        between,
    };
    Ok((head, body))
}

fn check(head: &Parts) -> Result<(), Trouble> {
    let status = head.status.as_u16();
    if !(200..600).contains(&status) {
        return Err(Trouble::Protocol(
            "the reply's status is none that ends a call",
        ));
    }
    let headers = &head.headers;
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > HEAD_HEADERS || bytes > HEAD_BYTES as usize {
        return Err(head_too_large());
    }
    check_framing(headers)
}

/// Refuses what two readers could cut into replies in two ways.
fn check_framing(headers: &HeaderMap) -> Result<(), Trouble> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some()
        || length.is_some_and(|l| !l.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return Err(Trouble::Protocol("the reply has more than one length"));
    }
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(());
    };
    if length.is_some() {
        return Err(Trouble::Protocol(
            "the reply is both chunked and of a given length",
        ));
    }
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(Trouble::Unscannable(
            "the reply has a transfer encoding beside chunked",
        ));
    }
    Ok(())
}

pub(super) fn head_too_large() -> Trouble {
    Trouble::ReplyTooLarge(Exceeded::fixed("the reply's head is larger than it may be"))
}

fn too_large(cap: u64) -> Trouble {
    let allowed = Bound::reply_body().allowing(Amount::Bytes(cap));
    Trouble::ReplyTooLarge(Exceeded::new(
        format!("the reply's body has more than {cap} bytes"),
        format!("the reply's body is larger than {allowed}"),
    ))
}

/// The body of a reply, not searched yet.
pub(crate) struct ReplyBody {
    incoming: Incoming,
    /// There is none, whatever comes.
    bodiless: bool,
    /// The exchange; gone once the body has ended, in whatever way.
    hold: Option<Hold>,
    received: Counter,
    cap: u64,
    call: Due,
    /// Ends when the call has to.
    over: Pin<Box<Sleep>>,
    between: Option<Between>,
}

/// The wait for the next piece.
struct Between {
    wait: Wait,
    due: Pin<Box<Sleep>>,
}

impl ReplyBody {
    /// Gives the connection back: nothing of the reply is left on it.
    fn release(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.release();
        }
    }

    /// The next piece; trailers are left out.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Trouble>>> {
        // Asked first, so that a reply that never stops coming is stopped as well.
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.call.call_is_late())));
        }
        while let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) {
            let data = match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(in_our_words(&error)))),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            if data.is_empty() {
                continue;
            }
            if self.bodiless {
                let trouble = Trouble::Protocol("the reply has a body where none belongs");
                return Poll::Ready(Some(Err(trouble)));
            }
            if let Some(between) = &mut self.between {
                between
                    .due
                    .as_mut()
                    .reset(Instant::now() + between.wait.time);
            }
            if self.received.add(data.len()) > self.cap {
                return Poll::Ready(Some(Err(too_large(self.cap))));
            }
            return Poll::Ready(Some(Ok(data)));
        }
        if let Some(between) = &mut self.between
            && between.due.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(between.wait.piece_is_late())));
        }
        Poll::Pending
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        // Whoever knows the length need not ask for what follows the last byte.
        if self.incoming.is_end_stream() {
            self.release();
        }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        if self.hold.is_none() {
            return Poll::Ready(None);
        }
        let data = std::task::ready!(self.poll_data(context));
        match data {
            Some(Ok(_)) => {}
            Some(Err(_)) => self.hold = None,
            None => self.release(),
        }
        let data = data.map(|data| data.map_err(|trouble| Box::new(Failure::from(&trouble))));
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.hold.is_none() || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.bodiless {
            return SizeHint::with_exact(0);
        }
        self.incoming.size_hint()
    }
}
