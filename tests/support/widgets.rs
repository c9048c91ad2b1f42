//! The widget service: a small JSON API behind a key, and the ways a careless one leaks it.

use std::time::Duration;

use super::api::{Api, Seen, Step, json, reply};
use super::canary::{Canary, base64};

/// Where the service wants its key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyIn {
    /// `authorization: Basic`, with this user.
    Basic(&'static str),
    /// `authorization: Bearer`.
    Bearer,
    /// This header, and nothing but the key in it.
    Header(&'static str),
    /// This query parameter.
    Query(&'static str),
}

/// Starts the service. It serves, to requests that carry `key` in `place` exactly once:
///
/// - `GET /v1/widgets`, `GET /v1/widgets/{id}`, `POST /v1/widgets/{id}/notes` and
///   `DELETE /v1/widgets/{id}`, which succeeds: if it is refused, the policy refused it;
/// - `GET /v1/slow`, after 50 ms;
/// - `GET /v1/leak/{form}` and `GET /v1/leak-header/{form}`, the key in that form of
///   [`Canary::forms`];
/// - `GET /v1/redirect?{location}`, a 302 to that place.
pub(crate) fn start(key: &Canary, place: KeyIn) -> Api {
    let key = key.clone();
    Api::start(move |request| {
        if !has_key(request, &key, place) {
            return vec![Step::Send(json(401, r#"{"error":"no such key"}"#))];
        }
        answer(request, &key)
    })
}

fn has_key(request: &Seen, key: &Canary, place: KeyIn) -> bool {
    let key = key.text();
    match place {
        KeyIn::Basic(user) => {
            let pair = base64(format!("{user}:{key}").as_bytes(), b"+/", true);
            let expected = format!("Basic {}", String::from_utf8_lossy(&pair));
            request.header("authorization") == Some(expected.as_str())
        }
        KeyIn::Bearer => request.header("authorization") == Some(format!("Bearer {key}").as_str()),
        KeyIn::Header(name) => request.header(name) == Some(key),
        KeyIn::Query(name) => {
            let query = request
                .target()
                .split_once('?')
                .map_or("", |(_, query)| query);
            let named = query.split('&').filter_map(|pair| pair.split_once('='));
            named
                .filter(|pair| pair.0 == name)
                .map(|pair| pair.1)
                .eq([key])
        }
    }
}

fn answer(request: &Seen, key: &Canary) -> Vec<Step> {
    let target = request.target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let send = |bytes| vec![Step::Send(bytes)];
    match (request.method(), segments.as_slice()) {
        ("GET", ["v1", "widgets"]) => send(json(
            200,
            r#"{"widgets":[{"id":"w-1","name":"left-handed screw"},{"id":"w-2","name":"sky hook"}]}"#,
        )),
        ("GET", ["v1", "widgets", id]) => send(json(
            200,
            &format!(r#"{{"id":"{id}","name":"left-handed screw"}}"#),
        )),
        ("POST", ["v1", "widgets", _, "notes"]) => send(json(201, r#"{"id":"n-1"}"#)),
        ("DELETE", ["v1", "widgets", _]) => send(reply(204, &[], b"")),
        ("GET", ["v1", "slow"]) => {
            vec![
                Step::Wait(Duration::from_millis(50)),
                Step::Send(json(200, "{}")),
            ]
        }
        ("GET", ["v1", "leak", form]) => match key.form(form) {
            Some(bytes) => send(reply(
                200,
                &[],
                &[b"you said ", &bytes[..], b", thanks"].concat(),
            )),
            None => send(json(404, r#"{"error":"no such form"}"#)),
        },
        ("GET", ["v1", "leak-header", form]) => match key.form(form).map(String::from_utf8) {
            Some(Ok(text)) => send(reply(200, &[("etag", text.as_str())], b"{}")),
            _ => send(json(404, r#"{"error":"no such form"}"#)),
        },
        ("GET", ["v1", "redirect"]) => send(reply(302, &[("location", query)], b"")),
        _ => send(json(404, r#"{"error":"no such thing"}"#)),
    }
}
