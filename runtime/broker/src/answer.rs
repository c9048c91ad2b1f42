//! An operation's reply: read to its end, and turned into the operation's result.

use std::pin::Pin;
use std::task::{Context, Poll};

use agentbox_gate::{Body, BodyFailure, Cause, Failure, Held, NoRoom, Reply, Room};
use agentbox_policy::{Code, OPERATION_REPLY, Operation};
use agentbox_secrets::ScrubbedReply;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::now;
use crate::refusal::Refusal;

/// The largest reply to an operation, in bytes.
const ANSWER_BYTES: usize = OPERATION_REPLY as usize;

/// Reads the replies of one run's operations, which share its room while they are read.
#[derive(Debug)]
pub(crate) struct Answers {
    room: Room,
}

impl Answers {
    pub(crate) fn new(room: Room) -> Self {
        Self { room }
    }

    /// The operation's result as JSON, by the names of its WIT, in the body of a reply without headers.
    pub(crate) async fn read(
        &self,
        operation: &Operation,
        scrubbed: ScrubbedReply,
    ) -> Result<Reply, Refusal> {
        let (reply, _traffic) = scrubbed.into_reply();
        let mut held = self.room.nothing();
        let body = whole(reply.body, &mut held)
            .await
            .map_err(Refusal::BrokenOff)?;
        let status = reply.status;
        let result = {
            // What reading makes of it is gone again after this.
            let _while_read = self
                .room
                .hold(operation.reply_cost(&body))
                .map_err(no_room)?;
            operation.read_reply(status.as_u16(), &reply.headers, &body, now())
        };
        drop((body, held));
        let result = result.map_err(|error| Refusal::answered(status.as_u16(), error))?;
        let held = self.room.hold(result.len()).map_err(no_room)?;
        Ok(Reply {
            status,
            headers: http::HeaderMap::new(),
            body: Body::new(Given {
                inner: Body::full(Bytes::from(result)),
                _held: held,
            }),
        })
    }
}

fn no_room(full: NoRoom) -> Refusal {
    Refusal::BrokenOff(Box::new(full.into()))
}

/// The whole body, whose bytes `held` then holds.
async fn whole(mut body: Body, held: &mut Held) -> Result<Vec<u8>, BodyFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let piece = frame.data_ref().map_or(&[][..], |bytes| bytes);
        let wanted = bytes.len() + piece.len();
        if wanted > ANSWER_BYTES {
            let message = "the reply to an operation has more than 8 MiB";
            let (code, cause) = (Code::REPLY_SIZE, Cause::ReplyTooLarge);
            return Err(Box::new(Failure::new(code, cause, message)));
        }
        if wanted > bytes.capacity() {
            // Twice as much, as it would grow by itself, but held before it is taken.
            let more = wanted.max(bytes.capacity() * 2) - bytes.capacity();
            held.more(more).map_err(|full| Box::new(full.into()))?;
            bytes.reserve_exact(bytes.capacity() + more - bytes.len());
        }
        bytes.extend_from_slice(piece);
    }
    Ok(bytes)
}

/// A result that is held until it is taken.
struct Given {
    inner: Body,
    _held: Held,
}

impl http_body::Body for Given {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(room: &Room, bytes: usize) -> Result<Held, BodyFailure> {
        let body = Body::full(Bytes::from(vec![b' '; bytes]));
        let mut held = room.nothing();
        // Nothing here waits.
        let reading = Box::pin(whole(body, &mut held));
        let read = at_once(reading)?;
        assert_eq!(read.len(), bytes);
        Ok(held)
    }

    fn at_once<T>(mut future: Pin<Box<dyn Future<Output = T> + '_>>) -> T {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(read) => read,
            Poll::Pending => panic!("a body in memory is there at once"),
        }
    }

    #[test]
    fn s14_a_reply_to_an_operation_has_a_bound_of_its_own() {
        let room = Room::new(u64::MAX);
        assert!(read(&room, ANSWER_BYTES).is_ok());
        let failure = read(&room, ANSWER_BYTES + 1).expect_err("too large");
        assert_eq!(failure.code, Code::REPLY_SIZE);
    }

    #[test]
    fn s14_replies_that_are_read_at_once_share_their_room() {
        let room = Room::new(8 * ANSWER_BYTES as u64);
        let mut held: Vec<_> = (0..8)
            .map(|_| read(&room, ANSWER_BYTES).expect("room"))
            .collect();
        let failure = read(&room, 1).expect_err("no room");
        assert_eq!(failure.code, Code::HOST_MEMORY);
        held.pop();
        assert!(read(&room, ANSWER_BYTES).is_ok(), "room is given back");
        drop(held);
        assert_eq!(room.left(), 8 * ANSWER_BYTES as u64);
    }
}
