//! How an operation's arguments become a request.

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use crate::bounds::{Amount, Bound};
use crate::code::Code;
use crate::decide::Refusal;
use crate::operation::{BodyTemplate, Filling, JsonTemplate, RequestTemplate, Segment};
use crate::path::{Flaw, escape, flaw};
use crate::shape::Shape;
use crate::units::print_bytes;
use crate::value::{Arguments, Bounded, Names, Value, Written};

/// What is sent unless the connector says otherwise.
const USER: HeaderValue = HeaderValue::from_static(concat!("agentbox/", env!("CARGO_PKG_VERSION")));

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is escaped in a query: all but what RFC 3986 reserves for nothing.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request, but for its method and origin.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// In canonical form.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

impl RequestTemplate {
    /// Fills the holes; a JSON body is not written past `most` bytes.
    pub(crate) fn render(&self, arguments: &Arguments<'_>, most: u64) -> Result<Rendered, Refusal> {
        let body = match &self.body {
            Some(template) => template.render(arguments, most)?,
            None => None,
        };
        let mut headers = self.headers(arguments)?;
        headers.entry(ACCEPT).or_insert(JSON);
        headers.entry(USER_AGENT).or_insert(USER);
        if let (Some(_), Some(template)) = (&body, &self.body) {
            headers
                .entry(CONTENT_TYPE)
                .or_insert_with(|| template.content_type());
        }
        Ok(Rendered {
            path: self.path(arguments)?,
            query: self.query(arguments)?,
            headers,
            body,
        })
    }

    fn path(&self, arguments: &Arguments<'_>) -> Result<String, Refusal> {
        let mut path = String::new();
        for segment in &self.path {
            match segment {
                Segment::Literal(text) => push_segment(&mut path, text),
                Segment::Hole(name) => {
                    let text = given(arguments, name)?;
                    check_segment(name, &text)?;
                    push_segment(&mut path, &text);
                }
                Segment::Rest(name) => {
                    for text in given(arguments, name)?.split('/') {
                        check_segment(name, text)?;
                        push_segment(&mut path, text);
                    }
                }
            }
        }
        if self.slash {
            path.push('/');
        }
        Ok(path)
    }

    fn query(&self, arguments: &Arguments<'_>) -> Result<Option<String>, Refusal> {
        let mut pairs = Vec::with_capacity(self.query.len());
        for (name, filling) in &self.query {
            let Some(value) = filling.fill(arguments)? else {
                continue;
            };
            if let Filling::Hole(argument) = filling
                && value.contains(char::is_control)
            {
                return Err(bad(argument, "holds a control character"));
            }
            let (name, value) = (
                utf8_percent_encode(name, QUERY),
                utf8_percent_encode(&value, QUERY),
            );
            pairs.push(format!("{name}={value}"));
        }
        Ok((!pairs.is_empty()).then(|| pairs.join("&")))
    }

    fn headers(&self, arguments: &Arguments<'_>) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 3);
        for (name, filling) in &self.headers {
            if let Some(value) = filling.fill(arguments)? {
                headers.append(name, header_value(name, filling, &value)?);
            }
        }
        Ok(headers)
    }
}

impl Filling {
    /// The text; none where the argument is absent.
    fn fill(&self, arguments: &Arguments<'_>) -> Result<Option<String>, Refusal> {
        match self {
            Self::Literal(text) => Ok(Some(text.clone())),
            Self::Hole(name) => match find(arguments, name)? {
                (_, Value::Absent) => Ok(None),
                (shape, value) => text(name, shape, value).map(Some),
            },
        }
    }
}

impl BodyTemplate {
    fn content_type(&self) -> HeaderValue {
        match self {
            Self::Json(_) => JSON,
            Self::Raw { content_type, .. } => content_type.clone(),
        }
    }

    /// The bytes; none where all of the body is one argument, and that is absent.
    fn render(&self, arguments: &Arguments<'_>, most: u64) -> Result<Option<Vec<u8>>, Refusal> {
        match self {
            Self::Raw { hole, .. } => match find(arguments, hole)? {
                (_, Value::Absent) => Ok(None),
                (_, Value::Bytes(bytes)) => Ok(Some(bytes.clone())),
                (_, Value::Text(text)) => Ok(Some(text.clone().into_bytes())),
                _ => Err(unfit(hole)),
            },
            Self::Json(template) => {
                let document = Document {
                    template,
                    arguments,
                };
                if document.is_absent() {
                    return Ok(None);
                }
                let mut bounded = Bounded::new(usize::try_from(most).unwrap_or(usize::MAX));
                match serde_json::to_writer(&mut bounded, &document) {
                    Ok(()) => Ok(Some(bounded.into_bytes())),
                    Err(error) if error.is_io() => Err(body_too_large(most)),
                    Err(error) => {
                        let message = format!("the request's body cannot be written: {error}");
                        Err(Refusal::new(Code::BUG, message))
                    }
                }
            }
        }
    }
}

/// A JSON template with its holes filled.
#[derive(Clone, Copy)]
struct Document<'d> {
    template: &'d JsonTemplate,
    arguments: &'d Arguments<'d>,
}

impl<'d> Document<'d> {
    fn part(self, template: &'d JsonTemplate) -> Self {
        Self { template, ..self }
    }

    fn is_absent(self) -> bool {
        let JsonTemplate::Hole(name) = self.template else {
            return false;
        };
        matches!(self.arguments.find(name), Some((_, Value::Absent)))
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.template {
            JsonTemplate::Literal(value) => value.serialize(to),
            JsonTemplate::List(items) => to.collect_seq(items.iter().map(|item| self.part(item))),
            JsonTemplate::Object(entries) => {
                let mut map = to.serialize_map(None)?;
                for (key, template) in entries {
                    let part = self.part(template);
                    if !part.is_absent() {
                        map.serialize_entry(key, &part)?;
                    }
                }
                map.end()
            }
            JsonTemplate::Hole(name) => match self.arguments.find(name) {
                Some((shape, value)) => Written {
                    shape,
                    value,
                    names: Names::Api,
                }
                .serialize(to),
                None => Err(S::Error::custom("a hole without an argument")),
            },
        }
    }
}

fn find<'a>(arguments: &'a Arguments<'_>, name: &str) -> Result<(&'a Shape, &'a Value), Refusal> {
    arguments.find(name).ok_or_else(|| unfit(name))
}

/// The text of an argument that cannot be absent.
fn given(arguments: &Arguments<'_>, name: &str) -> Result<String, Refusal> {
    let (shape, value) = find(arguments, name)?;
    text(name, shape, value)
}

/// A scalar as the API writes it.
fn text(name: &str, shape: &Shape, value: &Value) -> Result<String, Refusal> {
    let text = value.as_text().ok_or_else(|| unfit(name))?;
    let Shape::Enum(cases) = shape.bare() else {
        return Ok(text);
    };
    let case = cases.iter().find(|case| case.name == text);
    Ok(case.map_or(text, |case| case.key.clone()))
}

/// A body that is larger than the policy lets it be.
pub(crate) fn body_too_large(most: u64) -> Refusal {
    let message = format!("the request's body is larger than {}", print_bytes(most));
    let allowed = Bound::request_body().allowing(Amount::Bytes(most));
    Refusal::new(Code::REQUEST_SIZE, message).hint(format!("send no more than {allowed}"))
}

/// A connector that got past its own checks.
fn unfit(name: &str) -> Refusal {
    let message = format!("the connector's hole `{name}` is not filled by a fitting argument");
    Refusal::new(Code::BUG, message)
}

fn bad(argument: &str, what: &str) -> Refusal {
    Refusal::new(Code::BAD_ARGUMENTS, format!("`{argument}` {what}"))
}

fn push_segment(path: &mut String, decoded: &str) {
    path.push('/');
    path.extend(escape(decoded));
}

/// Refuses what could be read as another path.
fn check_segment(argument: &str, decoded: &str) -> Result<(), Refusal> {
    let Some(flaw) = flaw(decoded) else {
        return Ok(());
    };
    Err(bad(
        argument,
        match flaw {
            Flaw::Dots => "makes a dot segment of the path",
            Flaw::Empty => "makes an empty segment of the path",
            Flaw::Reserved => "goes into the path and holds `/`, `\\`, `%` or a control character",
        },
    ))
}

fn header_value(name: &HeaderName, filling: &Filling, value: &str) -> Result<HeaderValue, Refusal> {
    let argument = match filling {
        Filling::Hole(argument) => argument,
        Filling::Literal(_) => name.as_str(),
    };
    if !value.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        let what = "goes into a header and holds what is not visible ASCII";
        return Err(bad(argument, what));
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        let what = "goes into a header and starts or ends with a space";
        return Err(bad(argument, what));
    }
    HeaderValue::from_str(value)
        .map_err(|error| bad(argument, &format!("goes into a header: {error}")))
}

#[cfg(test)]
mod tests;
