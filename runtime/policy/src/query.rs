//! Queries of requests: what a route allows.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use crate::code::Code;
use crate::credential::{Credential, Placement};
use crate::decide::Refusal;
use crate::route::{QueryRule, Route};

/// Checks a query against its route; a request without one always passes.
pub(crate) fn check(
    query: Option<&str>,
    route: &Route,
    credential: Option<&Credential>,
) -> Result<(), Refusal> {
    let Some(query) = query else { return Ok(()) };
    if !is_canonical(query) {
        return Err(Refusal::new(
            Code::NOT_CANONICAL,
            "the query is not escaped as RFC 3986 has it, in upper case",
        ));
    }
    let own = match credential.map(Credential::placement) {
        Some(Placement::Query { name }) => Some(name.as_str()),
        _ => None,
    };
    let mut seen = HashSet::new();
    for pair in query.split('&') {
        let name = name(pair)?;
        if own.is_some_and(|own| mentions(pair, own)) {
            let message =
                format!("the parameter `{name}` is where the key goes, and the host adds it");
            return Err(Refusal::new(Code::CREDENTIAL_HEADER, message));
        }
        let first = seen.insert(name.clone());
        check_name(&name, first, route)?;
        // Some servers part a query at `;` too, and would read a parameter that was not checked.
        if pair.contains(';') && matches!(route.query, QueryRule::Names(_)) {
            let message =
                "the query holds `;`, which some servers take for `&`; written `%3B` it is none";
            return Err(Refusal::new(Code::NOT_CANONICAL, message));
        }
    }
    Ok(())
}

fn check_name(name: &str, first: bool, route: &Route) -> Result<(), Refusal> {
    let shown = name.escape_debug();
    match &route.query {
        QueryRule::Any if name.eq_ignore_ascii_case("_method") => {
            let message = "the parameter `_method` would change the method behind the route's back";
            Err(Refusal::new(Code::QUERY_DENIED, message))
        }
        QueryRule::Any => Ok(()),
        QueryRule::Names(names) if !names.iter().any(|allowed| **allowed == *name) => {
            let message = if names.is_empty() {
                "the route allows no query".to_owned()
            } else {
                format!("the route does not allow the parameter `{shown}`")
            };
            let separator = if names.is_empty() { '?' } else { '&' };
            let hint = format!(
                "to allow it, write the route `{}{separator}{shown}`",
                route.text
            );
            Err(Refusal::new(Code::QUERY_DENIED, message).hint(hint))
        }
        QueryRule::Names(_) if !first => {
            let message = format!("the parameter `{shown}` is there twice");
            Err(Refusal::new(Code::QUERY_DENIED, message))
        }
        QueryRule::Names(_) => Ok(()),
    }
}

/// The decoded name of a `name=value` pair.
fn name(pair: &str) -> Result<String, Refusal> {
    let raw = pair.split('=').next().unwrap_or_default();
    let refusal = |message| Refusal::new(Code::NOT_CANONICAL, message);
    let Ok(name) = percent_decode_str(raw).decode_utf8() else {
        return Err(refusal("the name of a parameter is not UTF-8"));
    };
    if name.is_empty() {
        return Err(refusal("the query has a parameter without a name"));
    }
    if name.contains(['%', '&', '=', ';']) || name.contains(char::is_control) {
        return Err(refusal(
            "the name of a parameter holds `%`, `&`, `=`, `;` or a control character",
        ));
    }
    Ok(name.into_owned())
}

/// Whether some server would read the credential's own parameter in the pair: in other case, as
/// an array, or behind a semicolon.
fn mentions(pair: &str, own: &str) -> bool {
    pair.split(';').any(|part| {
        let raw = part.split('=').next().unwrap_or_default();
        let name = percent_decode_str(raw).decode_utf8_lossy();
        let name = name.split('[').next().unwrap_or_default();
        name.trim_matches(['+', ' ']).eq_ignore_ascii_case(own)
    })
}

/// Whether all is written as RFC 3986 allows it in a query, with escapes in upper case.
fn is_canonical(query: &str) -> bool {
    let bytes = query.as_bytes();
    let upper = |byte: Option<&u8>| matches!(byte, Some(b'0'..=b'9' | b'A'..=b'F'));
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => upper(bytes.get(at + 1)) && upper(bytes.get(at + 2)),
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => true,
        other => b"-._~!$&'()*+,;=:@/?".contains(other),
    })
}
