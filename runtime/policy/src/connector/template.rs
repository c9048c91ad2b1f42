//! How a connector writes a request: a route with holes, and values that may be holes.

use std::collections::HashMap;

use http::{HeaderName, HeaderValue};
use serde_json::Value as Json;
use toml::de::DeValue;

use crate::code::Code;
use crate::credential::Placement;
use crate::headers::{HeaderClass, class};
use crate::operation::{Filling, JsonTemplate, Segment};
use crate::parse::document::{Entry, Item, Problems, Span, Table, Value, as_text, wrong_type};
use crate::parse::routes::{BadRoute, is_disguised, parse_method, parse_segment};
use crate::route;

use super::operation::Hole;

/// Where a hole stands, which says what may fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Anywhere in a JSON body.
    Json,
    /// The whole body.
    Body,
    /// A query parameter or a header.
    Pair,
    /// A segment of the path.
    Path,
}

/// The deepest body.
const DEEPEST_BODY: usize = 32;

/// The deepest path, as routes have it.
const DEEPEST_PATH: usize = 64;

/// `METHOD /path`, taken apart.
pub(super) struct Request {
    pub(super) method: http::Method,
    pub(super) path: Vec<Segment>,
    pub(super) slash: bool,
}

/// Reads `request`.
pub(super) fn request(
    item: &Item,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Option<Request> {
    match parse_request(&item.text) {
        Ok(request) => {
            for segment in &request.path {
                if let Segment::Hole(name) | Segment::Rest(name) = segment {
                    holes.push(Hole::new(name, Use::Path, &item.span));
                }
            }
            Some(request)
        }
        Err(bad) => {
            let problem = problems.add(Code::CONNECTOR, &item.span, bad.message);
            if let Some(hint) = bad.hint {
                problem.advise(hint);
            }
            None
        }
    }
}

fn parse_request(text: &str) -> Result<Request, BadRoute> {
    let bad = |message: String, hint: &str| BadRoute {
        message,
        hint: Some(hint.to_owned()),
    };
    let Some((method, path)) = text.split_once(' ') else {
        let message = format!("`{}` is not a request", text.escape_debug());
        return Err(bad(
            message,
            "a request is a method, one space and a path: `GET /v1/widgets/{id}`",
        ));
    };
    let method = parse_method(method)?;
    if path.contains('?') {
        let message = format!("`{}` has a query in it", text.escape_debug());
        return Err(bad(
            message,
            "write it as a table: `query = { limit = \"{limit}\" }`",
        ));
    }
    let Some(path) = path.strip_prefix('/') else {
        let message = format!(
            "the path of `{}` does not start with `/`",
            text.escape_debug()
        );
        return Err(bad(
            message,
            "write the path alone; the origin is the connector's `origin`",
        ));
    };
    let (inner, slash) = match path.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (path, path.is_empty()),
    };
    let mut segments = Vec::new();
    // What `parse_segment` wants to know of the holes before.
    let mut before = Vec::new();
    let parts = (!path.is_empty()).then(|| inner.split('/'));
    for part in parts.into_iter().flatten() {
        let rest = part.strip_prefix("{+").map(|name| format!("{{{name}"));
        let parsed = parse_segment(rest.as_deref().unwrap_or(part), &before)?;
        segments.push(match (&parsed, rest) {
            (route::Segment::Hole(name), None) => Segment::Hole((&**name).into()),
            (route::Segment::Hole(name), Some(_)) => Segment::Rest((&**name).into()),
            (route::Segment::Literal(text), _) => Segment::Literal(text.to_string()),
        });
        before.push(parsed);
    }
    if segments.len() > DEEPEST_PATH {
        return Err(bad(
            format!("a path has at most {DEEPEST_PATH} segments"),
            "an API that needs more cannot be described",
        ));
    }
    debug_assert!(segments.iter().all(|segment| match segment {
        Segment::Literal(text) => !is_disguised(text),
        Segment::Hole(_) | Segment::Rest(_) => true,
    }));
    Ok(Request {
        method,
        path: segments,
        slash,
    })
}

/// The hole that a text is, if it is one; an error if it only looks like one.
fn hole(item: &Item, problems: &mut Problems) -> Result<Option<String>, ()> {
    let text = item.text.as_str();
    let name = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match name {
        Some(name) if !name.is_empty() && name.bytes().all(plain) => Ok(Some(name.to_owned())),
        None if !text.contains(['{', '}']) => Ok(None),
        _ => {
            let message = format!("`{}` is not a hole", text.escape_debug());
            problems
                .add(Code::CONNECTOR, &item.span, message)
                .advise("a value is `\"{parameter}\"` as a whole, or a text without braces");
            Err(())
        }
    }
}

/// Reads a query: names, and what fills them.
pub(super) fn query(
    table: &Table<'_>,
    placement: Option<&Placement>,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Vec<(String, Filling)> {
    let Some(query) = table.table("query", problems) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in &query.entries {
        let plain = |c: char| !(c.is_control() || c.is_whitespace() || "&=%#?*{}+".contains(c));
        if entry.key.is_empty() || !entry.key.chars().all(plain) {
            let message = format!("`{}` is not a parameter's name", entry.key.escape_debug());
            problems.add(Code::CONNECTOR, &entry.span, message);
            continue;
        }
        if matches!(placement, Some(Placement::Query { name }) if name.eq_ignore_ascii_case(&entry.key))
        {
            let message = format!("the parameter `{}` is where the key goes", entry.key);
            problems.add(Code::CONNECTOR, &entry.span, message);
            continue;
        }
        if let Some(filling) = filling(&query, entry, holes, problems) {
            if let Filling::Literal(text) = &filling
                && text.contains(char::is_control)
            {
                let message = format!("`{}` holds a control character", text.escape_debug());
                problems.add(Code::CONNECTOR, &entry.value.span(), message);
                continue;
            }
            pairs.push((entry.key.clone(), filling));
        }
    }
    pairs
}

fn filling(
    table: &Table<'_>,
    entry: &Entry<'_>,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Option<Filling> {
    let item = as_text(&table.path(&entry.key), &entry.value, "a string", problems)?;
    match hole(&item, problems) {
        Ok(Some(name)) => {
            holes.push(Hole::new(&name, Use::Pair, &item.span));
            Some(Filling::Hole(name.into()))
        }
        Ok(None) => Some(Filling::Literal(item.text)),
        Err(()) => None,
    }
}

/// Reads headers: those of the connector have no holes.
pub(super) fn headers(
    table: &Table<'_>,
    placement: Option<&Placement>,
    mut holes: Option<&mut Vec<Hole>>,
    problems: &mut Problems,
) -> Vec<(HeaderName, Filling)> {
    let Some(headers) = table.table("headers", problems) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    let mut seen = HashMap::new();
    for entry in &headers.entries {
        let Some(name) = header_name(entry, placement, problems) else {
            continue;
        };
        if seen.insert(name.clone(), ()).is_some() {
            let message = format!("the header `{name}` is there twice");
            problems.add(Code::DUPLICATE, &entry.span, message);
            continue;
        }
        let mut found = Vec::new();
        let Some(filling) = filling(&headers, entry, &mut found, problems) else {
            continue;
        };
        match (&filling, &mut holes) {
            (Filling::Hole(_), None) => {
                let message = "a header of every request has no hole";
                problems
                    .add(Code::CONNECTOR, &entry.value.span(), message)
                    .advise("write it under the operation whose parameter fills it");
                continue;
            }
            (Filling::Literal(text), _) if !is_visible(text) => {
                let message = format!("`{}` cannot stand in a header", text.escape_debug());
                problems
                    .add(Code::CONNECTOR, &entry.value.span(), message)
                    .advise("a header's value is visible ASCII, with spaces only inside");
                continue;
            }
            (_, Some(holes)) => holes.append(&mut found),
            (Filling::Literal(_), None) => {}
        }
        pairs.push((name, filling));
    }
    pairs
}

fn is_visible(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && HeaderValue::from_str(text).is_ok()
}

fn header_name(
    entry: &Entry<'_>,
    placement: Option<&Placement>,
    problems: &mut Problems,
) -> Option<HeaderName> {
    let shown = entry.key.escape_debug();
    let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
        let message = format!("`{shown}` is not a header's name");
        problems.add(Code::CONNECTOR, &entry.span, message);
        return None;
    };
    let why = if placement.and_then(Placement::header).as_ref() == Some(&name) {
        "is where the key goes"
    } else if name == http::header::CONTENT_TYPE {
        "follows from the body"
    } else {
        match class(name.as_str()) {
            HeaderClass::Credential => "can hold a key, which only a policy gives",
            HeaderClass::Host => "is the host's own",
            HeaderClass::Ordinary | HeaderClass::Other => return Some(name),
        }
    };
    let message = format!("the header `{name}` {why}");
    let problem = problems.add(Code::CONNECTOR, &entry.span, message);
    if name == http::header::CONTENT_TYPE {
        problem.advise("`content-type` beside `body` says what a body of text or bytes is");
    } else {
        problem.advise("leave it out");
    }
    None
}

/// Reads a JSON body. A text that is a hole stands for its argument.
pub(super) fn json(
    path: &str,
    value: &Value<'_>,
    depth: usize,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Option<JsonTemplate> {
    let span = value.span();
    if depth > DEEPEST_BODY {
        let message = format!("a body is at most {DEEPEST_BODY} deep");
        problems.add(Code::CONNECTOR, &span, message);
        return None;
    }
    let literal = |json: Json| Some(JsonTemplate::Literal(json));
    match value.get_ref() {
        DeValue::String(_) => {
            let item = as_text(path, value, "a string", problems)?;
            match hole(&item, problems) {
                Ok(Some(name)) => {
                    holes.push(Hole::new(&name, Use::Json, &span));
                    Some(JsonTemplate::Hole(name.into()))
                }
                Ok(None) => literal(Json::String(item.text)),
                Err(()) => None,
            }
        }
        DeValue::Boolean(flag) => literal(Json::Bool(*flag)),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            number_literal(path, parsed.ok().map(Into::into), &span, problems)
        }
        DeValue::Float(number) => {
            let parsed: Option<f64> = number.as_str().parse().ok();
            let parsed = parsed.and_then(serde_json::Number::from_f64);
            number_literal(path, parsed, &span, problems)
        }
        DeValue::Array(values) => {
            let items = values.iter().enumerate();
            let items: Vec<_> = items
                .map(|(at, item)| json(&format!("{path}[{at}]"), item, depth + 1, holes, problems))
                .collect();
            items
                .into_iter()
                .collect::<Option<_>>()
                .map(JsonTemplate::List)
        }
        DeValue::Table(_) => {
            let table = Table::of(path, value)?;
            let mut entries = Vec::new();
            let mut good = true;
            for entry in &table.entries {
                let path = table.path(&entry.key);
                match json(&path, &entry.value, depth + 1, holes, problems) {
                    Some(value) => entries.push((entry.key.clone(), value)),
                    None => good = false,
                }
            }
            good.then_some(JsonTemplate::Object(entries))
        }
        other @ DeValue::Datetime(_) => {
            wrong_type(path, &span, other, "a value that JSON has", problems);
            None
        }
    }
}

fn number_literal(
    path: &str,
    number: Option<serde_json::Number>,
    span: &Span,
    problems: &mut Problems,
) -> Option<JsonTemplate> {
    let Some(number) = number else {
        problems.add(
            Code::CONNECTOR,
            span,
            format!("`{path}` is not a number that JSON has"),
        );
        return None;
    };
    Some(JsonTemplate::Literal(Json::Number(number)))
}
