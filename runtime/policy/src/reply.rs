//! How an API's reply becomes an operation's result, or an error.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value as Json;

use crate::operation::{Operation, ReplyTemplate};
use crate::shape::{Field, Pointer, Shape, Step};
use crate::value::{
    At, Bounded, MOST_VALUES, Names, Room, Value, Written, expected, narrowed, range,
};

/// The most bytes of an API's own message: a line or two for a person or a model.
const LONGEST_MESSAGE: usize = 1024;

/// The longest wait that a guest can be told: its milliseconds are a `u32`, about 49 days.
const LONGEST_WAIT: Duration = Duration::from_millis(u32::MAX as u64);

/// Why a reply gives no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The reply does not fit the operation's type; says where, and quotes nothing of it.
    #[error("{0}")]
    Invalid(String),
    /// The API answered, and not with success.
    #[error("{message}")]
    Upstream {
        /// What the API says went wrong: at most 1024 bytes, without control characters.
        message: String,
        /// How long the API asks to wait, where it says so; at most `u32::MAX` milliseconds.
        retry_after: Option<Duration>,
    },
}

impl Operation {
    /// Reads a whole reply: the result as JSON, by the names of the operation's WIT.
    ///
    /// # Errors
    ///
    /// When the API did not answer with success, or its reply does not fit the operation's type.
    pub fn read_reply(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<String, ReplyError> {
        if !(200..300).contains(&status) {
            return Err(self.reply.failure(status, headers, body, now));
        }
        let Some(Shape::Result(Some(shape), _)) = &self.signature.result else {
            return Ok("null".to_owned());
        };
        let value = match &**shape {
            Shape::List(item) if is_byte(item) && self.reply.value.0.is_empty() => {
                Value::Bytes(body.to_vec())
            }
            shape => {
                let json = document(body)?;
                let reader = Reader(Room::new(LARGEST_RESULT));
                let at = At::Whole("the result");
                reader.find(shape, &json, &self.reply.value.0, at)?
            }
        };
        let written = Written {
            shape,
            value: &value,
            names: Names::Wit,
        };
        let mut bounded = Bounded::new(LARGEST_RESULT);
        match serde_json::to_writer(&mut bounded, &written) {
            Ok(()) => String::from_utf8(bounded.into_bytes())
                .map_err(|error| invalid(format!("the result is not UTF-8: {error}"))),
            Err(error) if error.is_io() => Err(too_large()),
            Err(error) => Err(invalid(format!("the result cannot be written: {error}"))),
        }
    }

    /// At least as many bytes as [`read_reply`](Self::read_reply) takes up while it reads `body`.
    #[must_use]
    pub fn reply_cost(&self, body: &[u8]) -> usize {
        let (objects, others) = values(body);
        // The text, what is taken from it, and the result as JSON, with base64 at its worst.
        let texts = body.len().saturating_mul(4);
        texts
            .saturating_add(objects.saturating_mul(OBJECT_BYTES))
            .saturating_add(others.saturating_mul(VALUE_BYTES))
    }
}

/// What an object takes up in memory beside its values: a node of a tree, with room for eleven.
const OBJECT_BYTES: usize = 768;

/// What any other value takes up: its place in a list that grows to twice its size, or in a tree that
/// is half empty, and the same as a value of the operation.
const VALUE_BYTES: usize = 192;

/// The most bytes of a result as JSON, and of its texts. A reply has half of that, and becomes larger
/// by base64, by longer names and by being read at one place for several fields.
const LARGEST_RESULT: usize = 16 << 20;

fn document(body: &[u8]) -> Result<Json, ReplyError> {
    let (objects, others) = values(body);
    if objects + others > MOST_VALUES {
        return Err(invalid(format!(
            "the reply holds more than {MOST_VALUES} values"
        )));
    }
    serde_json::from_slice(body).map_err(|error| invalid(format!("the reply is not JSON: {error}")))
}

/// At least as many objects and other values as a JSON text has: those that a brace begins, and those
/// that a comma or a bracket does.
fn values(json: &[u8]) -> (usize, usize) {
    let (mut objects, mut others, mut inside, mut escaped) = (0, 1, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b'{' if !inside => objects += 1,
            b',' | b'[' if !inside => others += 1,
            _ => {}
        }
    }
    (objects, others)
}

fn invalid(message: String) -> ReplyError {
    ReplyError::Invalid(message)
}

fn too_large() -> ReplyError {
    invalid("the result is larger than 16 MiB".to_owned())
}

fn is_byte(shape: &Shape) -> bool {
    matches!(shape, Shape::U8)
}

/// Reads a result's values, as far as there is room for them.
struct Reader(Room);

impl Reader {
    /// Makes room for values, before they are made.
    fn take(&self, values: usize) -> Result<(), ReplyError> {
        self.0
            .take(values)
            .ok_or_else(|| invalid(format!("the result makes more than {MOST_VALUES} values")))
    }

    /// Follows a pointer and reads what is there.
    fn find(
        &self,
        shape: &Shape,
        json: &Json,
        steps: &[Step],
        at: At<'_>,
    ) -> Result<Value, ReplyError> {
        let Some((step, rest)) = steps.split_first() else {
            return self.read(shape, json, at);
        };
        match (step, json) {
            (Step::Key(key), Json::Object(entries)) => match entries.get(key) {
                Some(json) => self.find(shape, json, rest, at),
                None => missing(shape, at),
            },
            (Step::Key(key), Json::Array(items)) => {
                match key.parse().ok().and_then(|index: usize| items.get(index)) {
                    Some(json) => self.find(shape, json, rest, at),
                    None => missing(shape, at),
                }
            }
            (Step::Each, Json::Array(items)) => {
                let Shape::List(item) = shape.bare() else {
                    return Err(mistyped(shape, json, at));
                };
                self.take(items.len())?;
                let values = items.iter().enumerate();
                let values =
                    values.map(|(index, json)| self.find(item, json, rest, At::Item(&at, index)));
                values.collect::<Result<_, _>>().map(Value::List)
            }
            (_, Json::Null) | (Step::Key(_), _) => missing(shape, at),
            (Step::Each, _) => Err(mistyped(shape, json, at)),
        }
    }

    /// Reads a value of an API's JSON; keys that the type does not have are ignored.
    fn read(&self, shape: &Shape, json: &Json, at: At<'_>) -> Result<Value, ReplyError> {
        let wrong = || Err(mistyped(shape, json, at));
        Ok(match (shape, json) {
            (Shape::Option(_), Json::Null) => Value::Absent,
            (Shape::Option(inner), json) => self.read(inner, json, at)?,
            (Shape::Bool, Json::Bool(value)) => Value::Bool(*value),
            (Shape::F32, Json::Number(number)) => match number.as_f64().and_then(narrowed) {
                Some(number) => Value::F32(number),
                None => return wrong(),
            },
            (Shape::F64, Json::Number(number)) => match number.as_f64() {
                Some(number) => Value::F64(number),
                None => return wrong(),
            },
            (shape, Json::Number(number)) => {
                let whole = whole(number);
                match (range(shape), whole) {
                    (Some((least, most)), Some(whole)) if (least..=most).contains(&whole) => {
                        Value::Integer(whole)
                    }
                    _ => return wrong(),
                }
            }
            (Shape::String, Json::String(text)) => {
                self.0.take_text(text).ok_or_else(too_large)?;
                Value::Text(text.clone())
            }
            (Shape::Char, Json::String(text)) if text.chars().count() == 1 => {
                Value::Text(text.clone())
            }
            (Shape::Enum(cases), Json::String(text)) => {
                match cases.iter().find(|case| case.key == *text) {
                    Some(case) => Value::Text(case.name.clone()),
                    None => return wrong(),
                }
            }
            (Shape::List(item), Json::String(text)) if is_byte(item) => {
                self.0.take_text(text).ok_or_else(too_large)?;
                match STANDARD.decode(text) {
                    Ok(bytes) => Value::Bytes(bytes),
                    Err(_) => return wrong(),
                }
            }
            (Shape::List(item), Json::Array(items)) if !is_byte(item) => {
                self.take(items.len())?;
                let values = items.iter().enumerate();
                let values =
                    values.map(|(index, json)| self.read(item, json, At::Item(&at, index)));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            (Shape::Tuple(shapes), Json::Array(items)) if shapes.len() == items.len() => {
                self.take(shapes.len())?;
                let pairs = shapes.iter().zip(items).enumerate();
                let values = pairs
                    .map(|(index, (shape, json))| self.read(shape, json, At::Item(&at, index)));
                Value::Tuple(values.collect::<Result<_, _>>()?)
            }
            (Shape::Record(fields), Json::Object(_)) => {
                self.take(fields.len())?;
                let values = fields.iter().map(|field| self.read_field(field, json, &at));
                Value::Record(values.collect::<Result<_, _>>()?)
            }
            _ => return wrong(),
        })
    }

    fn read_field(&self, field: &Field, record: &Json, of: &At<'_>) -> Result<Value, ReplyError> {
        let at = At::Field(of, &field.name);
        let here;
        let pointer = match &field.at {
            Some(pointer) => pointer,
            None => {
                here = Pointer(vec![Step::Key(field.key.clone())]);
                &here
            }
        };
        if field.text
            && let Some(Json::Number(number)) = lookup(record, pointer)
            && let Some(whole) = whole(number)
        {
            return Ok(Value::Text(whole.to_string()));
        }
        self.find(&field.shape, record, &pointer.0, at)
    }
}

fn missing(shape: &Shape, at: At<'_>) -> Result<Value, ReplyError> {
    match shape {
        Shape::Option(_) => Ok(Value::Absent),
        _ => Err(invalid(format!("{at} is missing"))),
    }
}

fn mistyped(shape: &Shape, found: &Json, at: At<'_>) -> ReplyError {
    let found = match (found, shape) {
        (Json::Null, _) => "null",
        (Json::Bool(_), _) => "a boolean",
        (Json::Number(_), shape) if range(shape.bare()).is_some() => "another number",
        (Json::Number(_), _) => "a number",
        (Json::String(_), shape) if matches!(shape.bare(), Shape::Enum(_)) => "another string",
        (Json::String(_), _) => "a string",
        (Json::Array(_), _) => "a list",
        (Json::Object(_), _) => "an object",
    };
    invalid(format!("{at}: expected {}, found {found}", expected(shape)))
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

/// What a pointer without `*` leads to.
fn lookup<'j>(json: &'j Json, pointer: &Pointer) -> Option<&'j Json> {
    pointer
        .0
        .iter()
        .try_fold(json, |json, step| match (step, json) {
            (Step::Key(key), Json::Object(entries)) => entries.get(key),
            (Step::Key(key), Json::Array(items)) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        })
}

impl ReplyTemplate {
    fn failure(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> ReplyError {
        // What went wrong is often said by something that speaks no JSON.
        let json = document(body).unwrap_or(Json::Null);
        let texts = self
            .message
            .iter()
            .filter_map(|at| lookup(&json, at)?.as_str());
        let message = texts
            .map(plain)
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| unsaid(status));
        let asked = self.retry_after_ms.as_ref().and_then(|at| {
            let milliseconds = lookup(&json, at)?.as_u64()?;
            Some(Duration::from_millis(milliseconds))
        });
        let wait = asked
            .or_else(|| retry_after(headers, now))
            .or_else(|| self.until_reset(status, headers, now));
        ReplyError::Upstream {
            message,
            retry_after: wait.map(|wait| wait.min(LONGEST_WAIT)),
        }
    }

    /// How long until the API's own limit is full again, where the limit is why it refused: an API
    /// says when that is in every reply.
    fn until_reset(&self, status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        let reset = self.reset.as_ref()?;
        if !matches!(status, 403 | 429 | 503) || has_some_left(headers, reset) {
            return None;
        }
        let seconds = text(headers, reset)?.parse().ok()?;
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        Some(at.duration_since(now).unwrap_or_default())
    }
}

/// Whether the header beside `…-reset` that ends in `-remaining` says that some is left.
fn has_some_left(headers: &HeaderMap, reset: &HeaderName) -> bool {
    let beside = reset.as_str().strip_suffix("-reset");
    beside
        .and_then(|start| HeaderName::try_from(format!("{start}-remaining")).ok())
        .and_then(|name| text(headers, &name).map(|left| left != "0"))
        .unwrap_or(false)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `retry-after`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

fn unsaid(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok();
    match reason.and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("the API answered {status} {reason}"),
        None => format!("the API answered {status}"),
    }
}

/// An API's text on one line, cut.
fn plain(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_MESSAGE);
    let line: String = text[..end]
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests;
