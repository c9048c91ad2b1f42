//! From wasmtime's request to a [`Call`]: the guest's own words, nothing normalised.

use agentbox_gate::{Body, Call, Cause, Failure, Patience};
use agentbox_policy::{Code, HttpHead};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};

pub(crate) fn to_call(request: http::Request<WasiBody>, patience: Patience) -> Call {
    let (parts, body) = request.into_parts();
    let uri = &parts.uri;
    let head = HttpHead {
        method: parts.method.as_str().to_owned(),
        scheme: uri.scheme_str().unwrap_or_default().to_owned(),
        authority: uri.authority().map(ToString::to_string).unwrap_or_default(),
        path_and_query: uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
    };
    Call {
        head: head.into(),
        body: Body::new(body.map_err(|error| Box::new(broken_off(&error)))),
        patience,
    }
}

/// The guest did not finish the body it had announced, or finished it in error.
fn broken_off(error: &Error) -> Failure {
    let message = match error {
        Error::HttpRequestBodySize(_) => "the body is not as long as its content-length says",
        _ => "the program broke the request's body off",
    };
    Failure::new(Code::REQUEST_SIZE, Cause::RequestBody, message)
}
