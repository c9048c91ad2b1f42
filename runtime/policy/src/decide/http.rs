//! Whether a guest's own request is part of the policy.
//!
//! What is approved is what the guest wrote: nothing is normalised, and what could be read in two
//! ways is refused.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::call::HttpHead;
use crate::code::Code;
use crate::credential::Placement;
use crate::headers::{HeaderClass, class, is_single};
use crate::index::{Leaf, Routes};
use crate::origin::{Origin, OriginError, Scheme};
use crate::parse::METHODS;
use crate::path::{self, Path};
use crate::policy::Policy;
use crate::query;
use crate::verdict::Approved;

use super::Refusal;

/// The longest URL, in bytes: what servers and proxies accept; longer ones are data in disguise.
pub(super) const LONGEST_URL: usize = 8 << 10;

/// The most headers a guest may send: servers stop at about a hundred.
const MOST_HEADERS: usize = 100;

/// The most bytes of all header names and values together.
pub(super) const LARGEST_HEADERS: usize = 64 << 10;

pub(super) fn decide(policy: &Policy, head: &HttpHead) -> Result<Approved, Refusal> {
    check_sizes(head)?;
    let origin = origin(head)?;
    let routes = policy.index.at(&origin);
    let covering = routes.iter().find_map(|routes| routes.first());
    let Some(first) = covering else {
        return Err(ungranted_origin(head, &origin));
    };
    let method = method(&head.method).map_err(|refusal| refusal.of(covering))?;
    let (headers, content_length) =
        headers(head, &origin).map_err(|refusal| refusal.of(covering))?;
    let (path, query) = match head.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (head.path_and_query.as_str(), None),
    };
    let parsed = path::parse(path).map_err(|refusal| refusal.of(covering))?;
    let leaf = find(&routes, &method, &parsed)
        .ok_or_else(|| ungranted_route(first, &method, &parsed, query))?;
    let approved = (|| {
        check_granted_headers(leaf, &headers)?;
        query::check(query, leaf.route(), leaf.grant.credential())
    })();
    approved.map_err(|refusal| refusal.of(Some(leaf)))?;
    Ok(Approved {
        agent: Arc::clone(&policy.agent.id),
        operation: None,
        arguments: Vec::new(),
        body: None,
        grant: Arc::clone(&leaf.grant.name),
        route: Arc::clone(&leaf.route().text),
        method,
        origin,
        path: path.to_owned(),
        query: query.map(str::to_owned),
        headers,
        content_length,
        credential: leaf.grant.credential.clone(),
        limits: Arc::clone(&leaf.grant.limits),
        addresses: Arc::clone(&leaf.addresses),
        reply_headers: Arc::clone(&leaf.grant.reply_headers),
    })
}

fn check_sizes(head: &HttpHead) -> Result<(), Refusal> {
    let url = head.scheme.len() + "://".len() + head.authority.len() + head.path_and_query.len();
    if url > LONGEST_URL {
        return Err(Refusal::new(
            Code::REQUEST_SIZE,
            "the URL is longer than 8 KiB",
        ));
    }
    if head.headers.len() > MOST_HEADERS {
        return Err(Refusal::new(Code::REQUEST_SIZE, "more than 100 headers"));
    }
    let bytes: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > LARGEST_HEADERS {
        return Err(Refusal::new(
            Code::REQUEST_SIZE,
            "more than 64 KiB of headers",
        ));
    }
    Ok(())
}

fn origin(head: &HttpHead) -> Result<Origin, Refusal> {
    let scheme = match Scheme::parse(&head.scheme) {
        Ok(scheme) => scheme,
        // A scheme in other letters is one spelling too many; any other is simply not granted.
        Err(error) if Scheme::parse(&head.scheme.to_ascii_lowercase()).is_ok() => {
            return Err(not_canonical(&error));
        }
        Err(_) => {
            return Err(Refusal::new(
                Code::ORIGIN_DENIED,
                "no grant covers this scheme",
            ));
        }
    };
    Origin::from_parts(scheme, &head.authority).map_err(|error| not_canonical(&error))
}

fn not_canonical(error: &OriginError) -> Refusal {
    Refusal::new(Code::NOT_CANONICAL, error.to_string())
}

fn ungranted_origin(head: &HttpHead, origin: &Origin) -> Refusal {
    let path = head.path_and_query.split('?').next().unwrap_or_default();
    let route = match (method(&head.method), path::parse(path)) {
        (Ok(method), Ok(path)) => path.as_route(&method, None),
        _ => "GET /".to_owned(),
    };
    Refusal::new(Code::ORIGIN_DENIED, "no grant covers this origin").hint(format!(
        "to allow it without a key, add:\n[http.NAME]\norigin = \"{origin}\"\nallow = [{route:?}]"
    ))
}

fn ungranted_route(first: &Leaf, method: &Method, path: &Path, query: Option<&str>) -> Refusal {
    let route = path.as_route(method, query);
    Refusal::new(Code::ROUTE_DENIED, "no route allows this method and path")
        .hint(format!(
            "to allow it, add {route:?} to `allow` of `[{}]`",
            first.grant.name
        ))
        .of(Some(first))
}

fn method(text: &str) -> Result<Method, Refusal> {
    METHODS
        .iter()
        .find(|method| method.as_str() == text)
        .cloned()
        .ok_or_else(|| {
            Refusal::new(
                Code::METHOD_DENIED,
                "the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS",
            )
        })
}

fn find<'i>(routes: &[&'i Routes], method: &Method, path: &Path) -> Option<&'i Leaf> {
    routes
        .iter()
        .find_map(|routes| routes.find(method, &path.segments, path.slash))
}

/// The headers to send, and the body's length where the guest gives one.
fn headers(head: &HttpHead, origin: &Origin) -> Result<(HeaderMap, Option<u64>), Refusal> {
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    let mut content_length = None;
    for (name, value) in &head.headers {
        let Ok(parsed) = HeaderName::from_lowercase(name.as_bytes()) else {
            return Err(header(name, "is not a header's name in lower case"));
        };
        if class(name) == HeaderClass::Credential {
            let message = format!("the header `{name}` carries credentials, which the host adds");
            return Err(Refusal::new(Code::CREDENTIAL_HEADER, message));
        }
        let value = header_value(name, value)?;
        match name.as_str() {
            // The host asks for no encoding, since it could not search one for keys.
            "accept-encoding" => {}
            "host" => {
                let same = value == origin.authority() || value == head.authority;
                if !same {
                    return Err(header(name, "is not the host that the request goes to"));
                }
            }
            "content-length" => {
                let length = length(&value).ok_or_else(|| header(name, "is not a plain number"))?;
                if content_length.replace(length).is_some() {
                    return Err(header(name, "is there twice"));
                }
            }
            _ if class(name) == HeaderClass::Host => {
                return Err(header(
                    name,
                    "is about framing or routing, which are the host's",
                ));
            }
            _ if is_single(name) && headers.contains_key(&parsed) => {
                return Err(header(name, "is there twice"));
            }
            _ => {
                headers.append(parsed, value);
            }
        }
    }
    Ok((headers, content_length))
}

fn header(name: &str, what: &str) -> Refusal {
    let name: String = name
        .chars()
        .take(64)
        .flat_map(char::escape_default)
        .collect();
    Refusal::new(Code::HEADER_DENIED, format!("the header `{name}` {what}"))
}

fn header_value(name: &str, value: &[u8]) -> Result<HeaderValue, Refusal> {
    let plain = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e);
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if !value.iter().all(plain) {
        return Err(header(name, "has a value that is not visible ASCII"));
    }
    if blank(value.first()) || blank(value.last()) {
        return Err(header(name, "has a value that starts or ends with a space"));
    }
    HeaderValue::from_bytes(value)
        .map_err(|error| header(name, &format!("has a value that cannot be sent: {error}")))
}

fn length(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical)
}

/// Refuses headers that are neither ordinary nor named by the grant.
fn check_granted_headers(leaf: &Leaf, headers: &HeaderMap) -> Result<(), Refusal> {
    let own = leaf
        .grant
        .credential()
        .map(|credential| credential.placement());
    let own = own.and_then(Placement::header);
    for name in headers.keys() {
        if own.as_ref() == Some(name) {
            let message =
                format!("the header `{name}` is where the key goes, and the host adds it");
            return Err(Refusal::new(Code::CREDENTIAL_HEADER, message));
        }
        let ordinary = class(name.as_str()) == HeaderClass::Ordinary;
        if !ordinary && !leaf.grant.request_headers.contains(name) {
            let hint = format!(
                "to allow it, add `request-headers = [\"{name}\"]` to `[{}]`",
                leaf.grant.name
            );
            return Err(header(name.as_str(), "is not one that this grant allows").hint(hint));
        }
    }
    Ok(())
}
