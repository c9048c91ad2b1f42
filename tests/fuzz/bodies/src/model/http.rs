//! The model for a program's own requests: routes, holes, queries, headers, methods, origins.

use agentbox_policy::{Approved, Code, HttpHead, decide};

use super::{decoded, is_clear, stands_for_itself};
use crate::Reached;
use crate::bytes::Bytes;
use crate::plan::{self, Place, Plan, Query, Route, Segment, Table};

/// A policy of routes is loaded exactly when no two of them can match one request, and a call is
/// approved exactly when the model finds a route for it: that route, and that request.
pub fn model_http(data: &[u8]) -> Reached {
    let bytes = &mut Bytes::new(data);
    let plan = Plan::new(bytes);
    let policy = match plan.parse() {
        Ok(_) if overlaps(&plan) => panic!("two routes overlap:\n{plan}"),
        Ok(policy) => policy,
        Err(errors) => {
            let of = |code| {
                errors
                    .problems()
                    .iter()
                    .all(|problem| problem.code() == code)
            };
            assert!(
                of(Code::AMBIGUOUS_ROUTES) && overlaps(&plan),
                "{errors}\n{plan}"
            );
            return vec!["ambiguous"];
        }
    };
    let mut reached = vec!["loaded"];
    for _ in 0..16 {
        let call = plan::call(&plan, bytes);
        let expected = find(&plan, &call);
        let verdict = decide(&policy, &call.clone().into());
        match (&verdict, expected) {
            (Ok(approved), Some((at, route))) => {
                check(approved, &call, &plan, (at, route));
                reached.push("approved");
            }
            (Err(denied), None) => {
                assert_ne!(denied.code(), Code::BUG);
                reached.push("denied");
            }
            _ => panic!("{verdict:?}\nbut {expected:?}\n{call:?}\n{plan}"),
        }
    }
    reached
}

/// Whether two routes can match one request, by comparing each with each.
fn overlaps(plan: &Plan) -> bool {
    let all: Vec<(&Table, &Route)> = plan
        .tables
        .iter()
        .flat_map(|table| table.routes.iter().map(move |route| (table, route)))
        .collect();
    let meet = |one: &&str, other: &&str| {
        let under = |host: &str, pattern: &str| {
            pattern
                .split_once("://*")
                .is_some_and(|(_, tail)| host.ends_with(tail))
        };
        one == other || under(one, other) || under(other, one)
    };
    all.iter().enumerate().any(|(at, (table, route))| {
        all[..at].iter().any(|(others, other)| {
            table
                .origins
                .iter()
                .any(|one| others.origins.iter().any(|two| meet(one, two)))
                && route.method == other.method
                && route.slash == other.slash
                && route.segments.len() == other.segments.len()
                && route
                    .segments
                    .iter()
                    .zip(&other.segments)
                    .all(|pair| match pair {
                        (Segment::Literal(one), Segment::Literal(other)) => one == other,
                        _ => true,
                    })
        })
    })
}

/// The table and the route that allow the call.
fn find<'p>(plan: &'p Plan, call: &HttpHead) -> Option<(usize, &'p Route)> {
    let host = origin(call)?;
    let (path, query) = match call.path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (call.path_and_query.as_str(), None),
    };
    let (segments, slash) = path_of(path)?;
    let mut all = plan
        .tables
        .iter()
        .enumerate()
        .flat_map(|(at, table)| table.routes.iter().map(move |route| (at, table, route)));
    let (at, table, route) = all.find(|(_, table, route)| {
        table.origins.iter().any(|origin| covers(origin, &host))
            && route.method == call.method
            && route.slash == slash
            && route.segments.len() == segments.len()
            && route
                .segments
                .iter()
                .zip(&segments)
                .all(|(part, given)| match part {
                    Segment::Hole => true,
                    Segment::Literal(literal) => literal == given,
                })
    })?;
    let place = table.key.map(|key| plan.keys[key].place);
    let good = query.is_none_or(|query| query_is_good(query, route, place))
        && headers_are_good(call, &host, table, place);
    good.then_some((at, route))
}

/// Host and port as `host:port`, where the scheme is `https` and both have their one spelling.
fn origin(call: &HttpHead) -> Option<String> {
    let (host, port) = match call.authority.split_once(':') {
        Some((host, port)) => (host, port),
        None => (call.authority.as_str(), "443"),
    };
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty()
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let number: u16 = port.parse().ok()?;
    let good = call.scheme == "https" && host.split('.').all(label) && number.to_string() == port;
    good.then(|| format!("{host}:{port}"))
}

fn covers(origin: &str, host: &str) -> bool {
    let origin = origin.trim_start_matches("https://");
    let origin = if origin.contains(':') {
        origin.to_owned()
    } else {
        format!("{origin}:443")
    };
    match origin.strip_prefix('*') {
        Some(tail) => host.ends_with(tail),
        None => host == origin,
    }
}

/// The decoded segments, and whether a slash ends the path.
fn path_of(path: &str) -> Option<(Vec<String>, bool)> {
    if path == "/" {
        return Some((Vec::new(), true));
    }
    let inner = path.strip_prefix('/')?;
    let slash = inner.ends_with('/');
    let inner = if slash {
        &inner[..inner.len() - 1]
    } else {
        inner
    };
    let mut segments = Vec::new();
    for raw in inner.split('/') {
        let segment = decoded(raw)?;
        let canonical = super::encoded(&segment, stands_for_itself) == raw;
        if !canonical || !is_clear(&segment) {
            return None;
        }
        segments.push(segment);
    }
    Some((segments, slash))
}

fn query_is_good(query: &str, route: &Route, place: Option<Place>) -> bool {
    let plain = |byte: u8| stands_for_itself(byte) || b"/?%".contains(&byte);
    if !query.bytes().all(plain) {
        return false;
    }
    let mut names: Vec<String> = Vec::new();
    for pair in query.split('&') {
        let (raw, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Escapes are checked in values as well, which may be any bytes.
        let escapes = value.split('%').skip(1).all(|after| {
            after.len() >= 2
                && after[..2]
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
        });
        let Some(name) = decoded(raw).filter(|_| escapes) else {
            return false;
        };
        if name.is_empty() || name.contains(['%', '&', '=', ';']) || name.contains(char::is_control)
        {
            return false;
        }
        if let Some(Place::Query(own)) = place
            && pair.split(';').any(|part| is_own(part, own))
        {
            return false;
        }
        match &route.query {
            Query::Any if name.eq_ignore_ascii_case("_method") => return false,
            Query::Any => {}
            Query::Names(allowed) if !allowed.contains(&&*name) || names.contains(&name) => {
                return false;
            }
            Query::Names(_) if pair.contains(';') => return false,
            Query::Names(_) => {}
        }
        names.push(name);
    }
    true
}

/// Whether a part of a query could be read as the parameter where the key goes.
fn is_own(part: &str, own: &str) -> bool {
    let name = part.split('=').next().unwrap_or_default();
    let Some(name) = decoded(name) else {
        return false;
    };
    let name = name.split('[').next().unwrap_or_default();
    name.trim_matches(['+', ' ']).to_ascii_lowercase() == own
}

fn headers_are_good(call: &HttpHead, host: &str, table: &Table, place: Option<Place>) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &call.headers {
        let name = name.as_str();
        let value_is_good = value
            .iter()
            .all(|byte| *byte == b'\t' || (0x20..0x7f).contains(byte))
            && !matches!(value.first(), Some(b' ' | b'\t'))
            && !matches!(value.last(), Some(b' ' | b'\t'));
        let again = seen.contains(&name);
        seen.push(name);
        let good = match name {
            "accept" | "if-match" | "prefer" | "accept-encoding" => true,
            "user-agent" | "content-type" | "x-request-id" => !again,
            "content-length" => !again && matches!(&value[..], b"0" | b"12"),
            "host" => {
                value == call.authority.as_bytes()
                    || value == host.trim_end_matches(":443").as_bytes()
            }
            "x-key" if matches!(place, Some(Place::Header("x-key"))) => false,
            "range" if again => false,
            "range" | "x-a" => table.headers.contains(&name),
            _ => false,
        };
        if !good || !value_is_good {
            return false;
        }
    }
    true
}

/// What was approved is what was called, by the table and the route that the model found.
fn check(approved: &Approved, call: &HttpHead, plan: &Plan, (at, route): (usize, &Route)) {
    let table = &plan.tables[at];
    assert_eq!(approved.grant(), format!("http.t{at}"));
    assert_eq!(approved.route(), route.text());
    assert_eq!(approved.method().as_str(), call.method);
    let query = approved.query().map(|query| format!("?{query}"));
    let target = format!("{}{}", approved.path(), query.unwrap_or_default());
    assert_eq!(target, call.path_and_query);
    let origin = approved.origin();
    let port = if origin.port() == 443 {
        String::new()
    } else {
        format!(":{}", origin.port())
    };
    assert_eq!(
        format!("{}{port}", origin.host()),
        call.authority.trim_end_matches(":443")
    );
    assert_eq!(
        approved.credential().map(|key| key.name().to_owned()),
        table.key.map(|key| format!("k{key}"))
    );
    assert_eq!(approved.limits().len(), usize::from(table.limited));
    let host = |name: &str| ["host", "content-length", "accept-encoding"].contains(&name);
    let mut sent: Vec<(&str, &[u8])> = approved
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let given = call.headers.iter().filter(|(name, _)| !host(name));
    let mut given: Vec<(&str, &[u8])> = given
        .map(|(name, value)| (name.as_str(), &value[..]))
        .collect();
    // Headers of one name keep their order.
    sent.sort_by_key(|header| header.0.to_owned());
    given.sort_by_key(|header| header.0.to_owned());
    assert_eq!(sent, given);
    let length = call
        .headers
        .iter()
        .find(|header| header.0 == "content-length");
    assert_eq!(
        approved
            .content_length()
            .map(|length| length.to_string().into_bytes()),
        length.map(|header| header.1.clone()),
    );
}
