//! An HTTP request by name: its arguments and its answer, as JSON.

use std::fmt;

use agentbox_gate::Reply;
use agentbox_policy::{Amount, CallHead, Code, HttpHead, RefusedHead};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::json;

use super::{HTTP, refused};

/// The arguments of a request.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    #[serde(default, deserialize_with = "headers")]
    headers: Vec<(String, String)>,
}

/// The most headers that are read. The gate takes no more.
const MOST_HEADERS: usize = 100;

fn headers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    from.deserialize_seq(Headers)
}

/// Reads headers up to [`MOST_HEADERS`].
struct Headers;

impl<'de> Visitor<'de> for Headers {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of headers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = from.next_element()? {
            if headers.len() == MOST_HEADERS {
                return Err(A::Error::custom("more than 100 headers"));
            }
            headers.push(header);
        }
        Ok(headers)
    }
}

/// The head of the request that `arguments` ask for: the guest's own words, nothing normalised but
/// the case of headers' names, which has no meaning.
///
/// # Errors
/// When the arguments are no such object, or have more than `most` bytes.
pub(super) fn head(arguments: &str, most: usize) -> Result<CallHead, RefusedHead> {
    if arguments.len() > most {
        let message = format!(
            "the arguments are larger than {}",
            Amount::Bytes(most as u64)
        );
        return Err(refused(HTTP, Code::ARGUMENTS_SIZE, message));
    }
    let denied = |message: String| refused(HTTP, Code::BAD_ARGUMENTS, message);
    let request: Request = serde_json::from_str(arguments)
        .map_err(|error| denied(format!("not the arguments of a request: {error}")))?;
    let Some((scheme, rest)) = request.url.split_once("://") else {
        let message = "`url` does not start with `https://` or `http://`";
        return Err(denied(message.to_owned()));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    Ok(CallHead::Http(HttpHead {
        method: request.method,
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path_and_query: path_and_query.to_owned(),
        headers: request
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.into_bytes()))
            .collect(),
    }))
}

/// The value of an answer: the reply's status and its headers.
pub(super) fn value(reply: &Reply) -> String {
    let headers: Vec<_> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    json!({ "status": reply.status.as_u16(), "headers": headers }).to_string()
}
