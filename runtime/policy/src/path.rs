//! Paths of requests: one spelling each.

use http::Method;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::code::Code;
use crate::decide::Refusal;
use crate::parse::is_disguised;

/// A path's decoded segments, and whether a slash follows them; `/` is no segment and a slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) slash: bool,
}

/// What is escaped in a path: all but the `pchar` of RFC 3986.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Reads a path that is in canonical form.
pub(crate) fn parse(path: &str) -> Result<Path, Refusal> {
    let Some(inner) = path.strip_prefix('/') else {
        return Err(refusal("the path does not start with `/`"));
    };
    if inner.is_empty() {
        return Ok(Path {
            segments: Vec::new(),
            slash: true,
        });
    }
    let (inner, slash) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let segments: Result<Vec<_>, _> = inner.split('/').map(segment).collect();
    Ok(Path {
        segments: segments?,
        slash,
    })
}

fn refusal(message: &str) -> Refusal {
    Refusal::new(Code::NOT_CANONICAL, message)
}

fn segment(text: &str) -> Result<String, Refusal> {
    let Ok(decoded) = percent_decode_str(text).decode_utf8() else {
        return Err(refusal("a segment of the path is not UTF-8"));
    };
    if decoded.is_empty() {
        return Err(refusal("the path has an empty segment"));
    }
    if decoded == "." || decoded == ".." || is_disguised(&decoded) {
        return Err(refusal("the path has a dot segment"));
    }
    if decoded.contains(['/', '\\', '%']) || decoded.contains(char::is_control) {
        return Err(refusal(
            "a segment of the path holds `/`, `\\`, `%` or a control character",
        ));
    }
    if utf8_percent_encode(&decoded, ESCAPED).to_string() != text {
        return Err(refusal(
            "the path is not escaped as RFC 3986 has it, in upper case",
        ));
    }
    Ok(decoded.into_owned())
}

impl Path {
    /// A route that would match this path, as a policy would write it.
    pub(crate) fn as_route(&self, method: &Method, query: Option<&str>) -> String {
        let mut route = format!("{method} ");
        for (at, segment) in self.segments.iter().enumerate() {
            let plain = !segment.contains(['{', '}', '*', '#', '?']) && segment.trim() == segment;
            route.push('/');
            route.push_str(&if plain {
                segment.clone()
            } else {
                format!("{{part{}}}", at + 1)
            });
        }
        if self.slash {
            route.push('/');
        }
        if query.is_some() {
            route.push_str("?*");
        }
        route
    }
}
