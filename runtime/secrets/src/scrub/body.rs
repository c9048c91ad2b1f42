//! A body that is searched as it streams.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use agentbox_gate::{BodyFailure, Cause, Failure};
use agentbox_policy::Code;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};

use super::known::Known;
use super::search::{Kind, Search};
use super::{ECHO_MESSAGE, Echo};

type OnEcho = Box<dyn Fn(&Echo) + Send + Sync>;

/// Releases `inner` as far as it has been searched and can no longer become part of a key.
pub(super) struct Scrubbed<B> {
    /// The body that is searched; gone once it has ended.
    inner: Option<B>,
    hold: HoldBack,
    ready: VecDeque<Bytes>,
    failure: Option<BodyFailure>,
    on_echo: OnEcho,
}

/// What has been searched and not been released.
struct HoldBack {
    search: Search,
    held: BytesMut,
    /// How many bytes have been searched.
    position: u64,
}

impl<B> Scrubbed<B> {
    pub(super) fn new(inner: B, known: Arc<Known>, on_echo: OnEcho) -> Self {
        let search = Search::new(known, Kind::Text);
        Self {
            inner: Some(inner),
            hold: HoldBack {
                search,
                held: BytesMut::new(),
                position: 0,
            },
            ready: VecDeque::new(),
            failure: None,
            on_echo,
        }
    }

    /// Takes in the next piece, or the end.
    fn take(&mut self, piece: Option<Result<Bytes, BodyFailure>>) {
        let searched = match piece {
            Some(Ok(bytes)) => self.hold.push(bytes, &mut self.ready),
            Some(Err(failure)) => return self.fail(failure),
            None => {
                self.inner = None;
                self.hold.finish(&mut self.ready)
            }
        };
        if let Err(echo) = searched {
            (self.on_echo)(&echo);
            self.fail(Box::new(Failure::new(
                Code::ECHO,
                Cause::Stopped,
                ECHO_MESSAGE,
            )));
        }
    }

    /// Ends the body, releasing nothing more.
    fn fail(&mut self, failure: BodyFailure) {
        self.inner = None;
        self.ready.clear();
        self.hold.held.clear();
        self.failure = Some(failure);
    }
}

impl HoldBack {
    fn push(&mut self, bytes: Bytes, ready: &mut VecDeque<Bytes>) -> Result<(), Echo> {
        self.search
            .read(&self.held, &bytes, self.position)
            .map_err(|found| Echo::new(found, "body"))?;
        let start = self.position - self.held.len() as u64;
        self.position += bytes.len() as u64;
        let kept = self.position - self.search.held_from(self.position);
        let free = usize::try_from(self.position - start - kept).unwrap_or_default();
        if let Some(of_new) = free.checked_sub(self.held.len()) {
            ready.extend([mem::take(&mut self.held).freeze(), bytes.slice(..of_new)]);
            self.held.extend_from_slice(&bytes[of_new..]);
        } else {
            ready.push_back(self.held.split_to(free).freeze());
            self.held.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn finish(&mut self, ready: &mut VecDeque<Bytes>) -> Result<(), Echo> {
        self.search
            .finish()
            .map_err(|found| Echo::new(found, "body"))?;
        ready.push_back(mem::take(&mut self.held).freeze());
        Ok(())
    }
}

impl<B> Body for Scrubbed<B>
where
    B: Body<Data = Bytes, Error = BodyFailure> + Unpin,
{
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(failure) = self.failure.take() {
                return Poll::Ready(Some(Err(failure)));
            }
            let Some(inner) = &mut self.inner else {
                return Poll::Ready(None);
            };
            let frame = ready!(Pin::new(inner).poll_frame(context));
            // Trailers are dropped.
            self.take(frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none() && self.failure.is_none() && self.ready.is_empty()
    }
}
