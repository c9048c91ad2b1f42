//! Routes as they are written: `GET /v1/widgets/{id}?limit`.

use http::Method;

use crate::route::{QueryRule, Route, Segment};

/// The deepest route: deeper than any API's, and it bounds the work of matching.
const DEEPEST: usize = 64;

/// Why a text is not a route: what is wrong, and what would be right.
pub(crate) struct BadRoute {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn bad<T>(message: impl Into<String>, hint: &str) -> Result<T, BadRoute> {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Err(BadRoute {
        message: message.into(),
        hint,
    })
}

pub(crate) fn route(text: &str) -> Result<Route, BadRoute> {
    let Some((method, target)) = text.split_once(' ') else {
        let hint = "a route is a method, one space and a path: `GET /v1/widgets/{id}`";
        return bad(format!("`{}` is not a route", text.escape_debug()), hint);
    };
    let method = parse_method(method)?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let Some(path) = path.strip_prefix('/') else {
        let hint = "write the path alone; the origin is given by `origin` or by the credential";
        return bad(
            format!(
                "the path of `{}` does not start with `/`",
                text.escape_debug()
            ),
            hint,
        );
    };
    let query = query.map_or_else(|| Ok(QueryRule::Names(Vec::new())), parse_query)?;
    let (inner, slash) = match path.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (path, path.is_empty()),
    };
    let mut segments = Vec::new();
    if !path.is_empty() {
        for segment in inner.split('/') {
            segments.push(parse_segment(segment, &segments)?);
        }
    }
    if segments.len() > DEEPEST {
        return bad(format!("a route has at most {DEEPEST} segments"), "");
    }
    Ok(Route {
        text: text.into(),
        method,
        segments,
        slash,
        query,
    })
}

/// The methods that can be granted.
pub(crate) const METHODS: &[Method] = &[
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

pub(crate) fn parse_method(text: &str) -> Result<Method, BadRoute> {
    if let Some(method) = METHODS.iter().find(|method| method.as_str() == text) {
        return Ok(method.clone());
    }
    let upper = text.to_ascii_uppercase();
    let message = format!(
        "`{}` is not a method that can be granted",
        text.escape_debug()
    );
    match METHODS.iter().find(|method| method.as_str() == upper) {
        Some(method) => bad(message, &format!("did you mean `{method}`?")),
        None => bad(
            message,
            "GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS can be granted",
        ),
    }
}

/// Reads a segment; `before` are those before it, whose holes have other names.
pub(crate) fn parse_segment(text: &str, before: &[Segment]) -> Result<Segment, BadRoute> {
    if let Some(name) = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let hint = "a hole is `{name}`, of letters, digits, `_` and `-`";
            return bad(format!("`{}` is not a hole", text.escape_debug()), hint);
        }
        let twice = before
            .iter()
            .any(|s| matches!(s, Segment::Hole(other) if **other == *name));
        if twice {
            return bad(format!("the hole `{text}` is there twice"), "");
        }
        return Ok(Segment::Hole(name.into()));
    }
    let shown = text.escape_debug();
    if text.is_empty() || text == "." || text == ".." || is_disguised(text) {
        return bad(format!("the segment `{shown}` can never be matched"), NEVER);
    }
    if text.contains(['{', '}']) {
        let hint = "`{name}` stands for one whole segment";
        return bad(format!("the segment `{shown}` has a brace in it"), hint);
    }
    if text.contains('*') {
        let hint = "there is no wildcard; `{name}` stands for one whole segment";
        return bad(format!("the segment `{shown}` has a `*` in it"), hint);
    }
    if text.contains(['\\', '%', '#']) || text.contains(char::is_control) {
        return bad(format!("the segment `{shown}` can never be matched"), NEVER);
    }
    if text.trim() != text {
        return bad(
            format!("the segment `{shown}` has a space at its start or end"),
            "",
        );
    }
    Ok(Segment::Literal(text.into()))
}

const NEVER: &str = "segments are written decoded, and a call with an empty or dot segment, \
                     `/`, `\\`, `%`, `#` or a control character in one is refused";

/// Whether some servers would take the segment for an empty or a dot segment, because they drop
/// what follows a semicolon.
pub(crate) fn is_disguised(segment: &str) -> bool {
    let blank = segment.contains(' ') && segment.trim_matches([' ', '.']).is_empty();
    blank
        || segment
            .split_once(';')
            .is_some_and(|(before, _)| matches!(before, "" | "." | ".."))
}

fn parse_query(text: &str) -> Result<QueryRule, BadRoute> {
    if text == "*" {
        return Ok(QueryRule::Any);
    }
    let mut names: Vec<Box<str>> = Vec::new();
    for name in text.split('&') {
        let plain = |c: char| !(c.is_control() || c.is_whitespace() || "=%#?*{}".contains(c));
        if name.is_empty() || !name.chars().all(plain) {
            let hint = "`?a&b` allows the parameters `a` and `b`, `?*` allows any";
            return bad(
                format!("`{}` is not a parameter's name", name.escape_debug()),
                hint,
            );
        }
        if names.iter().any(|other| **other == *name) {
            return bad(format!("the parameter `{name}` is there twice"), "");
        }
        names.push(name.into());
    }
    Ok(QueryRule::Names(names))
}
