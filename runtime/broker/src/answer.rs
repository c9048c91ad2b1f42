//! An operation's reply: read to its end, and turned into the operation's result.

use agentbox_gate::{Body, BodyFailure, Cause, Failure, Reply};
use agentbox_policy::{Code, Operation};
use agentbox_secrets::ScrubbedReply;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::now;
use crate::refusal::Refusal;

/// The operation's result as JSON, by the names of its WIT, in the body of a reply without headers.
pub(crate) async fn read_answer(
    operation: &Operation,
    scrubbed: ScrubbedReply,
) -> Result<Reply, Refusal> {
    let (reply, _traffic) = scrubbed.into_reply();
    let body = read(reply.body).await.map_err(Refusal::BrokenOff)?;
    let status = reply.status;
    let result = operation
        .read_reply(status.as_u16(), &reply.headers, &body, now())
        .map_err(|error| Refusal::answered(status.as_u16(), error))?;
    Ok(Reply {
        status,
        headers: http::HeaderMap::new(),
        body: Body::full(Bytes::from(result)),
    })
}

/// The largest reply to an operation, in bytes. JSON takes up to twenty times its size in memory
/// while it is read; a hundred of an API's largest texts fit.
const ANSWER_BYTES: usize = 8 << 20;

/// The whole body.
async fn read(mut body: Body) -> Result<Vec<u8>, BodyFailure> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let piece = frame.data_ref().map_or(&[][..], |bytes| bytes);
        if read.len() + piece.len() > ANSWER_BYTES {
            return Err(Box::new(Failure::new(
                Code::REPLY_SIZE,
                Cause::ReplyTooLarge,
                "the reply to an operation has more than 8 MiB",
            )));
        }
        read.extend_from_slice(piece);
    }
    Ok(read)
}
