//! An operation's reply: read to its end, and turned into the operation's result.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentbox_gate::{Body, BodyFailure, Cause, Failure, Reply};
use agentbox_policy::{Code, OPERATION_REPLY, Operation};
use agentbox_secrets::ScrubbedReply;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::now;
use crate::refusal::Refusal;

/// The operation's result as JSON, by the names of its WIT, in the body of a reply without headers.
pub(crate) async fn read_answer(
    operation: &Operation,
    scrubbed: ScrubbedReply,
    room: &Room,
) -> Result<Reply, Refusal> {
    let (reply, _traffic) = scrubbed.into_reply();
    let body = room.read(reply.body).await.map_err(Refusal::BrokenOff)?;
    let status = reply.status;
    let result = operation
        .read_reply(status.as_u16(), &reply.headers, &body.bytes, now())
        .map_err(|error| Refusal::answered(status.as_u16(), error))?;
    Ok(Reply {
        status,
        headers: http::HeaderMap::new(),
        body: Body::full(Bytes::from(result)),
    })
}

/// The largest reply to an operation, in bytes.
const ANSWER_BYTES: usize = OPERATION_REPLY as usize;

/// All that the replies being read at once may hold, in bytes. A program may have a thousand calls
/// under way, and each has eight such replies' worth of room to itself when it has few.
const ROOM_BYTES: usize = 64 << 20;

/// Room for the replies of one run that are being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room(Arc<AtomicUsize>);

/// Bytes of a reply, and the room they take until they are dropped.
struct Held {
    bytes: Vec<u8>,
    room: Room,
}

impl Room {
    /// The whole body.
    async fn read(&self, mut body: Body) -> Result<Held, BodyFailure> {
        let mut held = Held {
            bytes: Vec::new(),
            room: self.clone(),
        };
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            held.add(frame.data_ref().map_or(&[], |bytes| bytes))?;
        }
        Ok(held)
    }
}

impl Held {
    fn add(&mut self, piece: &[u8]) -> Result<(), BodyFailure> {
        if self.bytes.len() + piece.len() > ANSWER_BYTES {
            return Err(too_large("the reply to an operation has more than 8 MiB"));
        }
        let before = self.room.0.fetch_add(piece.len(), Ordering::Relaxed);
        self.bytes.extend_from_slice(piece);
        if before + piece.len() > ROOM_BYTES {
            return Err(too_large(
                "the replies to operations under way have more than 64 MiB",
            ));
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

fn too_large(message: &str) -> BodyFailure {
    let (code, cause) = (Code::REPLY_SIZE, Cause::ReplyTooLarge);
    Box::new(Failure::new(code, cause, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(room: &Room, bytes: usize) -> Result<Held, BodyFailure> {
        let body = Body::full(Bytes::from(vec![b' '; bytes]));
        // Nothing here waits.
        let mut reading = Box::pin(room.read(body));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match reading.as_mut().poll(&mut context) {
            std::task::Poll::Ready(read) => read,
            std::task::Poll::Pending => panic!("a body in memory is there at once"),
        }
    }

    #[test]
    fn s14_a_reply_to_an_operation_has_a_bound_of_its_own() {
        let room = Room::default();
        assert!(read(&room, ANSWER_BYTES).is_ok());
        let failure = read(&room, ANSWER_BYTES + 1).err().expect("too large");
        assert_eq!(failure.code, Code::REPLY_SIZE);
    }

    #[test]
    fn s14_replies_that_are_read_at_once_share_their_room() {
        let room = Room::default();
        let mut held: Vec<_> = (0..ROOM_BYTES / ANSWER_BYTES)
            .map(|_| read(&room, ANSWER_BYTES).expect("room"))
            .collect();
        let failure = read(&room, 1).err().expect("no room");
        assert_eq!(failure.code, Code::REPLY_SIZE);
        held.pop();
        assert!(read(&room, ANSWER_BYTES).is_ok(), "room is given back");
        drop(held);
        assert_eq!(room.0.load(Ordering::Relaxed), 0);
    }
}
