//! Values of operations: what arguments and results hold, and their JSON.

mod read;
mod room;

pub(crate) use read::read_arguments;
pub(crate) use room::{Bounded, MOST_VALUES, Room};

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use crate::condition::Scalar;
use crate::operation::Operation;
use crate::shape::Shape;

/// A value of a [`Shape`]; which one is known where the value is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// An `option` without its value; with it, it is the value itself.
    Absent,
    Bool(bool),
    /// Of `list<u8>`.
    Bytes(Vec<u8>),
    /// Of `f32`. INVARIANT: finite.
    F32(f32),
    /// Of `f64`. INVARIANT: finite.
    F64(f64),
    /// Of any integer type. INVARIANT: in its range.
    Integer(i128),
    List(Vec<Value>),
    /// The fields' values, in the order of the fields.
    Record(Vec<Value>),
    /// A `string`, a `char`, or the name of an `enum`'s case.
    Text(String),
    Tuple(Vec<Value>),
}

impl Value {
    /// A scalar as text, as it goes into a path, a query, a header and the record.
    pub(crate) fn as_text(&self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::F32(value) => Some(value.to_string()),
            Self::F64(value) => Some(value.to_string()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Text(value) => Some(value.clone()),
            Self::Absent | Self::Bytes(_) | Self::List(_) | Self::Record(_) | Self::Tuple(_) => {
                None
            }
        }
    }

    /// A scalar as a grant's `where` would have it.
    pub(crate) fn as_scalar(&self) -> Option<Scalar> {
        match self {
            Self::Bool(value) => Some(Scalar::Bool(*value)),
            Self::F32(value) => Some(Scalar::F32(*value)),
            Self::F64(value) => Some(Scalar::F64(*value)),
            Self::Integer(value) => Some(Scalar::Integer(*value)),
            Self::Text(value) => Some(Scalar::Text(value.clone())),
            Self::Absent | Self::Bytes(_) | Self::List(_) | Self::Record(_) | Self::Tuple(_) => {
                None
            }
        }
    }
}

/// The arguments of one call, by name.
#[derive(Debug)]
pub(crate) struct Arguments<'o> {
    // INVARIANT: in the order of `Operation::arguments`, each of its shape.
    all: Vec<(&'o str, &'o Shape, Value)>,
}

impl<'o> Arguments<'o> {
    fn new(operation: &'o Operation, values: Vec<Value>) -> Self {
        let names = operation.arguments().into_iter();
        Self {
            all: names
                .zip(values)
                .map(|((name, shape), value)| (name, shape, value))
                .collect(),
        }
    }

    /// The argument of this name, and its type.
    pub(crate) fn find(&self, name: &str) -> Option<(&'o Shape, &Value)> {
        self.all
            .iter()
            .find(|(other, ..)| *other == name)
            .map(|(_, shape, value)| (*shape, value))
    }
}

/// By which names a value is written as JSON. An absent field is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The API's: keys of fields and of cases.
    Api,
    /// Those of the WIT.
    Wit,
}

/// A value as JSON.
pub(crate) struct Written<'v> {
    pub(crate) shape: &'v Shape,
    pub(crate) value: &'v Value,
    pub(crate) names: Names,
}

impl<'v> Written<'v> {
    fn part(&self, shape: &'v Shape, value: &'v Value) -> Self {
        Self {
            shape,
            value,
            names: self.names,
        }
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match (self.shape, self.value) {
            (Shape::Option(_), Value::Absent) => to.serialize_unit(),
            (Shape::Option(inner), value) => self.part(inner, value).serialize(to),
            (_, Value::Bool(value)) => to.serialize_bool(*value),
            (_, Value::Bytes(bytes)) => to.serialize_str(&STANDARD.encode(bytes)),
            (_, Value::F32(value)) => to.serialize_f32(*value),
            (_, Value::F64(value)) => to.serialize_f64(*value),
            (_, Value::Integer(value)) => to.serialize_i128(*value),
            (Shape::Enum(cases), Value::Text(name)) => {
                let case = cases.iter().find(|case| case.name == *name);
                let key = case.map(|case| &case.key);
                to.serialize_str(match self.names {
                    Names::Api => key.unwrap_or(name),
                    Names::Wit => name,
                })
            }
            (_, Value::Text(text)) => to.serialize_str(text),
            (Shape::List(item), Value::List(items)) => {
                to.collect_seq(items.iter().map(|value| self.part(item, value)))
            }
            (Shape::Tuple(shapes), Value::Tuple(items)) => {
                let parts = shapes.iter().zip(items);
                to.collect_seq(parts.map(|(shape, value)| self.part(shape, value)))
            }
            (Shape::Record(fields), Value::Record(values)) => {
                let mut map = to.serialize_map(None)?;
                for (field, value) in fields.iter().zip(values) {
                    if *value == Value::Absent {
                        continue;
                    }
                    let name = match self.names {
                        Names::Api => &field.key,
                        Names::Wit => &field.name,
                    };
                    map.serialize_entry(name, &self.part(&field.shape, value))?;
                }
                map.end()
            }
            _ => Err(S::Error::custom("a value that is not of its type")),
        }
    }
}

/// The place of a value within the arguments or the result, such as `labels[2]`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// A field of a record, or an argument.
    Field(&'a At<'a>, &'a str),
    /// An item of a list or a tuple.
    Item(&'a At<'a>, usize),
    /// All of it, and what that is called.
    Whole(&'static str),
}

impl At<'_> {
    fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    fn path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(_) => Ok(()),
            Self::Item(of, index) => {
                of.path(f)?;
                write!(f, "[{index}]")
            }
            Self::Field(of, name) => {
                of.path(f)?;
                let dot = if of.is_whole() { "" } else { "." };
                write!(f, "{dot}{name}")
            }
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Whole(name) = self {
            return f.write_str(name);
        }
        f.write_str("`")?;
        self.path(f)?;
        f.write_str("`")
    }
}

/// The smallest and the largest number of an integer type.
pub(crate) fn range(shape: &Shape) -> Option<(i128, i128)> {
    Some(match shape {
        Shape::S8 => (i8::MIN.into(), i8::MAX.into()),
        Shape::S16 => (i16::MIN.into(), i16::MAX.into()),
        Shape::S32 => (i32::MIN.into(), i32::MAX.into()),
        Shape::S64 => (i64::MIN.into(), i64::MAX.into()),
        Shape::U8 => (u8::MIN.into(), u8::MAX.into()),
        Shape::U16 => (u16::MIN.into(), u16::MAX.into()),
        Shape::U32 => (u32::MIN.into(), u32::MAX.into()),
        Shape::U64 => (u64::MIN.into(), u64::MAX.into()),
        _ => return None,
    })
}

/// The nearest `f32`; none where the number is beyond the largest.
pub(crate) fn narrowed(number: f64) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to the nearest is what is meant, and infinity is looked for"
    )]
    let narrow = number as f32;
    narrow.is_finite().then_some(narrow)
}

/// What JSON has to hold for a type, in words.
pub(crate) fn expected(shape: &Shape) -> String {
    if let Some((least, most)) = range(shape) {
        return format!("a whole number from {least} to {most}");
    }
    match shape {
        Shape::Bool => "`true` or `false`",
        Shape::Char => "one character",
        Shape::Enum(cases) => {
            let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
            return format!("one of {}", quoted(&names));
        }
        Shape::F32 | Shape::F64 => "a number",
        Shape::List(item) if matches!(**item, Shape::U8) => "base64",
        Shape::List(_) => "a list",
        Shape::Option(inner) => return expected(inner),
        Shape::Record(_) => "an object",
        Shape::String => "a string",
        Shape::Tuple(items) => return format!("a list of {}", items.len()),
        _ => "what JSON cannot carry",
    }
    .to_owned()
}

/// The most texts that a message lists.
const MOST_LISTED: usize = 5;

/// `"a", "b"`, escaped; at most five, then `…`.
pub(crate) fn quoted<T: AsRef<str>>(texts: &[T]) -> String {
    let mut all: Vec<_> = texts
        .iter()
        .take(MOST_LISTED)
        .map(|text| format!("\"{}\"", brief(text.as_ref())))
        .collect();
    if texts.len() > MOST_LISTED {
        all.push("…".to_owned());
    }
    all.join(", ")
}

/// The most characters of a guest's text that a message holds.
pub(crate) const LONGEST_QUOTE: usize = 64;

/// A text for people: escaped, and cut at 64 characters.
pub(crate) fn brief(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(LONGEST_QUOTE)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        shown.push('…');
    }
    shown
}
