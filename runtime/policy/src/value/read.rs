//! Arguments as JSON, read strictly by their types.

use std::cell::RefCell;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Arguments, At, LONGEST_QUOTE, MOST_VALUES, Room, Value, brief, expected, narrowed, quoted,
    range,
};
use crate::code::Code;
use crate::decide::Refusal;
use crate::operation::Operation;
use crate::parse::document::nearest;
use crate::shape::Shape;

/// The most levels of lists and records: far more than an API has, and little stack.
const DEEPEST: usize = 64;

/// Reads the arguments of a call: one JSON object with the operation's names, none of them unknown,
/// missing or twice, each of its type, and nothing after it.
pub(crate) fn read_arguments<'o>(
    operation: &'o Operation,
    json: &str,
) -> Result<Arguments<'o>, Refusal> {
    let problem = RefCell::new(None);
    // Each text of the arguments makes one value, so their own bound is that of the texts.
    let room = Room::new(json.len());
    let seed = Seed {
        expected: Expected::Arguments(operation),
        at: At::Whole("the arguments"),
        depth: 0,
        problem: &problem,
        room: &room,
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = seed.deserialize(&mut reader);
    match read.and_then(|value| reader.end().map(|()| value)) {
        Ok(Value::Record(values)) => Ok(Arguments::new(operation, values)),
        Ok(_) => Err(refusal("the arguments are not an object")),
        Err(error) => {
            let message = problem.into_inner();
            let message = message.unwrap_or_else(|| format!("the arguments: {}", not_json(&error)));
            Err(refusal(message))
        }
    }
}

/// What the reader of JSON says, in words for somebody who wrote some.
fn not_json(error: &impl fmt::Display) -> String {
    let said = error.to_string();
    let half = [
        "unexpected end of hex escape",
        "lone leading surrogate in hex escape",
    ];
    match half.iter().find_map(|half| said.strip_prefix(half)) {
        Some(place) => format!("half of a surrogate pair, which is no character,{place}"),
        None if said.starts_with("number out of range") => said,
        None => format!("not JSON: {said}"),
    }
}

fn refusal(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BAD_ARGUMENTS, message)
}

/// What is to be read at a place.
#[derive(Clone, Copy)]
enum Expected<'s> {
    /// All the arguments: an object by their names.
    Arguments(&'s Operation),
    Shape(&'s Shape),
}

/// Reads one value.
struct Seed<'s> {
    expected: Expected<'s>,
    at: At<'s>,
    depth: usize,
    /// The first thing that was wrong. Kept here, because the reader's own errors would add where
    /// in the text it is and would quote values.
    problem: &'s RefCell<Option<String>>,
    room: &'s Room,
}

impl<'s> Seed<'s> {
    fn fail<E: Error>(&self, message: impl fmt::Display) -> E {
        self.problem
            .borrow_mut()
            .get_or_insert_with(|| message.to_string());
        E::custom("")
    }

    fn mistyped<E: Error>(&self, found: impl fmt::Display) -> E {
        let expected = match self.expected {
            Expected::Arguments(_) => "an object".to_owned(),
            Expected::Shape(shape) => expected(shape),
        };
        self.fail(format!("{}: expected {expected}, found {found}", self.at))
    }

    /// Makes room for values, before they are made.
    fn take<E: Error>(&self, values: usize) -> Result<(), E> {
        self.room
            .take(values)
            .ok_or_else(|| self.fail(format!("the arguments make more than {MOST_VALUES} values")))
    }

    /// The type, without the option around it.
    fn shape(&self) -> Option<&'s Shape> {
        match self.expected {
            Expected::Arguments(_) => None,
            Expected::Shape(shape) => Some(shape.bare()),
        }
    }

    fn within<'p>(&'p self, shape: &'p Shape, at: At<'p>) -> Seed<'p> {
        Seed {
            expected: Expected::Shape(shape),
            at,
            depth: self.depth + 1,
            problem: self.problem,
            room: self.room,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if self.depth > DEEPEST {
            let message = format!("the arguments are nested deeper than {DEEPEST} levels");
            return Err(self.fail(message));
        }
        let (at, problem) = (self.at, self.problem);
        from.deserialize_any(self).inspect_err(|error| {
            problem
                .borrow_mut()
                .get_or_insert_with(|| format!("{at}: {}", not_json(error)));
        })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of its type")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        match self.shape() {
            Some(Shape::Bool) => Ok(Value::Bool(value)),
            _ => Err(self.mistyped("a boolean")),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.whole(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.whole(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.fraction(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match self.shape() {
            Some(Shape::String) => Ok(Value::Text(text.to_owned())),
            Some(Shape::Char) if text.chars().nth(1).is_none() && !text.is_empty() => {
                Ok(Value::Text(text.to_owned()))
            }
            Some(Shape::Enum(cases)) => {
                if cases.iter().any(|case| case.name == text) {
                    return Ok(Value::Text(text.to_owned()));
                }
                if text.chars().nth(LONGEST_QUOTE).is_some() {
                    return Err(self.mistyped("another string"));
                }
                Err(self.mistyped(quoted(&[text])))
            }
            Some(Shape::List(item)) if matches!(**item, Shape::U8) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(Value::Bytes(bytes)),
                Err(_) => Err(self.mistyped("a string that is not")),
            },
            _ => Err(self.mistyped("a string")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        match self.expected {
            Expected::Shape(Shape::Option(_)) => Ok(Value::Absent),
            _ => Err(self.mistyped("null")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        match self.shape() {
            Some(Shape::List(item)) if !matches!(**item, Shape::U8) => self.list(item, items),
            Some(Shape::Tuple(shapes)) => self.tuple(shapes, items),
            _ => Err(self.mistyped("a list")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        if let Some(Shape::Record(fields)) = self.shape() {
            self.take(fields.len())?;
        }
        let fields = match (self.expected, self.shape()) {
            (Expected::Arguments(operation), _) => operation.arguments(),
            (_, Some(Shape::Record(fields))) => fields
                .iter()
                .map(|field| (field.name.as_str(), &field.shape))
                .collect(),
            _ => return Err(self.mistyped("an object")),
        };
        self.record(&fields, entries)
    }
}

impl Seed<'_> {
    fn whole<E: Error>(self, number: i128) -> Result<Value, E> {
        let shape = self.shape();
        if matches!(shape, Some(Shape::F32 | Shape::F64)) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a whole number written for a float is the nearest float"
            )]
            return self.fraction(number as f64);
        }
        match shape.and_then(range) {
            Some((least, most)) if (least..=most).contains(&number) => Ok(Value::Integer(number)),
            Some(_) => Err(self.mistyped(number)),
            None => Err(self.mistyped("a number")),
        }
    }

    fn fraction<E: Error>(self, number: f64) -> Result<Value, E> {
        match self.shape() {
            // JSON has no other numbers than finite ones.
            Some(Shape::F64) => Ok(Value::F64(number)),
            Some(Shape::F32) => match narrowed(number) {
                Some(number) => Ok(Value::F32(number)),
                None => Err(self.mistyped("one beyond the largest `f32`")),
            },
            _ => Err(self.mistyped("a number")),
        }
    }

    fn list<'de, A: SeqAccess<'de>>(&self, item: &Shape, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let seed = self.within(item, At::Item(&self.at, items.len()));
            match from.next_element_seed(seed)? {
                Some(value) => {
                    self.take(1)?;
                    items.push(value);
                }
                None => return Ok(Value::List(items)),
            }
        }
    }

    fn tuple<'de, A: SeqAccess<'de>>(
        &self,
        shapes: &[Shape],
        mut from: A,
    ) -> Result<Value, A::Error> {
        self.take(shapes.len())?;
        let mut items = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let seed = self.within(shape, At::Item(&self.at, items.len()));
            match from.next_element_seed(seed)? {
                Some(value) => items.push(value),
                None => return Err(self.mistyped("a shorter one")),
            }
        }
        match from.next_element::<IgnoredAny>()? {
            Some(_) => Err(self.mistyped("a longer one")),
            None => Ok(Value::Tuple(items)),
        }
    }

    fn record<'de, A: MapAccess<'de>>(
        &self,
        fields: &[(&str, &Shape)],
        mut entries: A,
    ) -> Result<Value, A::Error> {
        let mut values: Vec<Option<Value>> = fields.iter().map(|_| None).collect();
        while let Some(key) = entries.next_key_seed(Key(fields))? {
            let at = match key {
                Ok(at) => at,
                Err(key) => return Err(self.unknown(fields, &key)),
            };
            let (name, shape) = fields[at];
            let at_field = At::Field(&self.at, name);
            if values[at].is_some() {
                return Err(self.fail(format!("{at_field} is there twice")));
            }
            values[at] = Some(entries.next_value_seed(self.within(shape, at_field))?);
        }
        let mut complete = Vec::with_capacity(fields.len());
        for ((name, shape), value) in fields.iter().zip(values) {
            complete.push(match (value, shape) {
                (Some(value), _) => value,
                (None, Shape::Option(_)) => Value::Absent,
                (None, _) => {
                    let missing = At::Field(&self.at, name);
                    return Err(self.fail(format!("{missing} is missing")));
                }
            });
        }
        Ok(Value::Record(complete))
    }

    fn unknown<E: Error>(&self, fields: &[(&str, &Shape)], key: &str) -> E {
        let (whole, kind) = match self.expected {
            Expected::Arguments(operation) => (operation.function().to_owned(), "argument"),
            Expected::Shape(_) => (self.at.to_string(), "field"),
        };
        let mut message = format!("{whole} has no {kind} `{}`", brief(key));
        let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        // The comparison takes memory by the length of both.
        if key.len() <= LONGEST_QUOTE
            && let Some(near) = nearest(key, &names)
        {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        self.fail(message)
    }
}

/// Reads a key: the place of its field, or the key itself where no field has that name.
struct Key<'f>(&'f [(&'f str, &'f Shape)]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let at = self.0.iter().position(|(name, _)| *name == key);
        Ok(at.ok_or_else(|| key.to_owned()))
    }
}

#[cfg(test)]
mod tests;
