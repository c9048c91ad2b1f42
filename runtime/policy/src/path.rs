//! Paths of requests: one spelling each.

use http::Method;
use percent_encoding::{
    AsciiSet, CONTROLS, PercentEncode, percent_decode_str, utf8_percent_encode,
};

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
    match flaw(&decoded) {
        Some(Flaw::Empty) => return Err(refusal("the path has an empty segment")),
        Some(Flaw::Dots) => return Err(refusal("the path has a dot segment")),
        Some(Flaw::Reserved) => {
            return Err(refusal(
                "a segment of the path holds `/`, `\\`, `%` or a control character",
            ));
        }
        None => {}
    }
    if escape(&decoded).to_string() != text {
        return Err(refusal(
            "the path is not escaped as RFC 3986 has it, in upper case",
        ));
    }
    Ok(decoded.into_owned())
}

/// Why a text cannot be a segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A dot segment, or what some servers take for one.
    Dots,
    /// Nothing at all.
    Empty,
    /// `/`, `\`, `%` or a control character.
    Reserved,
}

/// What is wrong with a decoded segment, if anything.
pub(crate) fn flaw(decoded: &str) -> Option<Flaw> {
    if decoded.is_empty() {
        return Some(Flaw::Empty);
    }
    if decoded == "." || decoded == ".." || is_disguised(decoded) {
        return Some(Flaw::Dots);
    }
    let reserved = decoded.contains(['/', '\\', '%']) || decoded.contains(char::is_control);
    reserved.then_some(Flaw::Reserved)
}

/// A decoded segment as it is written in a path.
pub(crate) fn escape(decoded: &str) -> PercentEncode<'_> {
    utf8_percent_encode(decoded, ESCAPED)
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
