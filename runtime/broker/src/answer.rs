//! An operation's reply: read to its end, and turned into the operation's result.

use agentbox_gate::{Body, Reply};
use agentbox_policy::Operation;
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
    let body = reply.body.collect().await.map_err(Refusal::BrokenOff)?;
    let status = reply.status;
    let result = operation
        .read_reply(status.as_u16(), &reply.headers, &body.to_bytes(), now())
        .map_err(|error| Refusal::answered(status.as_u16(), error))?;
    Ok(Reply {
        status,
        headers: http::HeaderMap::new(),
        body: Body::full(Bytes::from(result)),
    })
}
