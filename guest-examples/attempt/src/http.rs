//! The door that any HTTP library goes through, by its raw bindings.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

use crate::{Try, show};

/// How many bytes of a body are asked for at a time: fewer than a key has.
const PIECE: u64 = 7;

/// Sends `wanted`, whose parts are cut from its URL as text, shows what comes, and says how that
/// ended: `types refuse …` when it did not even become a call.
pub(crate) fn send(wanted: &Try) -> String {
    let request = match request(wanted) {
        Ok(request) => request,
        Err(part) => return format!("types refuse the {part}"),
    };
    let mut sent = Ok(());
    let mut trailers = None;
    if !wanted.trailers.is_empty() {
        match fields(&wanted.trailers) {
            Ok(fields) => trailers = Some(fields),
            Err(part) => return format!("types refuse the trailer {part}"),
        }
    }
    let body = match &wanted.body {
        Some(_) => match request.body() {
            Ok(body) => Some(body),
            Err(()) => return "types refuse the body".to_owned(),
        },
        None => None,
    };
    let reply = match outgoing_handler::handle(request, None) {
        Ok(reply) => reply,
        Err(code) => return format!("types refuse the request: {code:?}"),
    };
    if let (Some(body), Some(bytes)) = (body, &wanted.body) {
        sent = write(body, bytes, trailers);
    }
    match (receive(&reply), sent) {
        (Err(ErrorCode::HttpRequestDenied), _) => "denied".to_owned(),
        (Err(code), _) => format!("error {code:?}"),
        (Ok(end), Ok(())) => end,
        (Ok(end), Err(what)) => format!("{end}, request: {what}"),
    }
}

/// The request, or the part of it that the types of `wasi:http` do not take.
fn request(wanted: &Try) -> Result<OutgoingRequest, String> {
    let refused = |what: &str| {
        let what = what.to_owned();
        move |()| what
    };
    let (scheme, rest) = match wanted.url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, wanted.url.as_str()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let request = OutgoingRequest::new(fields(&wanted.headers)?);
    request
        .set_method(&method(&wanted.method))
        .map_err(refused("method"))?;
    request
        .set_scheme(scheme.map(self::scheme).as_ref())
        .map_err(refused("scheme"))?;
    request
        .set_authority(Some(authority))
        .map_err(refused("authority"))?;
    request
        .set_path_with_query(Some(path))
        .map_err(refused("path"))?;
    Ok(request)
}

fn fields(headers: &[(String, Vec<u8>)]) -> Result<Fields, String> {
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(name, value)
            .map_err(|_| "header".to_owned())?;
    }
    Ok(fields)
}

fn write(body: OutgoingBody, bytes: &[u8], trailers: Option<Fields>) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    for piece in bytes.chunks(4096) {
        if stream.blocking_write_and_flush(piece).is_err() {
            // Why is in the reply.
            break;
        }
    }
    drop(stream);
    OutgoingBody::finish(body, trailers).map_err(|code| format!("{code:?}"))
}

/// Shows all of a reply that can be had.
fn receive(reply: &FutureIncomingResponse) -> Result<String, ErrorCode> {
    reply.subscribe().block();
    let reply = match reply.get() {
        Some(Ok(reply)) => reply?,
        Some(Err(())) | None => return Ok("no reply".to_owned()),
    };
    show("status", reply.status().to_string().as_bytes());
    for (name, value) in reply.headers().entries() {
        show("header", &[name.as_bytes(), b": ", &value].concat());
    }
    let end = read(&reply).map_or_else(|what| format!(", body: {what}"), |()| String::new());
    Ok(format!("answered{end}"))
}

/// Shows a body in pieces and then its trailers. What fails is tried again: a host that gives an
/// error once and bytes later would be found out.
fn read(reply: &IncomingResponse) -> Result<(), String> {
    let body = reply.consume().map_err(|()| "taken".to_owned())?;
    let stream = body.stream().map_err(|()| "taken".to_owned())?;
    let mut ended = Ok(());
    let mut patience = 3;
    while patience > 0 {
        match stream.blocking_read(PIECE) {
            Ok(bytes) => show("body", &bytes),
            Err(error) => {
                patience -= 1;
                if ended.is_ok() && !matches!(error, StreamError::Closed) {
                    ended = Err(explain(&error));
                }
            }
        }
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    if let Some(Ok(Ok(Some(trailers)))) = trailers.get() {
        for (name, value) in trailers.entries() {
            show("trailer", &[name.as_bytes(), b": ", &value].concat());
        }
    }
    ended
}

fn explain(error: &StreamError) -> String {
    let StreamError::LastOperationFailed(error) = error else {
        return "closed".to_owned();
    };
    let code = wasip2::http::types::http_error_code(error);
    match code {
        Some(ErrorCode::HttpRequestDenied) => "denied".to_owned(),
        Some(code) => format!("{code:?}"),
        None => error.to_debug_string(),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(name: &str) -> Scheme {
    match name {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}
