//! From JSON, by the names of the WIT, to a value of a program's own type.

use std::cell::{Cell, RefCell};
use std::fmt;

use agentbox_gate::{Cause, Failure, Held, NoRoom, Room};
use agentbox_policy::Code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use wasmtime::component::Val;
use wasmtime::component::types::{self, Type};

/// The value of type `ty` that `json` is. What both take up is held in `room` meanwhile: a value takes
/// forty bytes, also where it is one byte of a list, and a field takes its name besides.
///
/// # Errors
/// When `json` is no value of that type, or there is no room for it.
pub(super) fn value(json: &[u8], ty: &Type, room: &Room) -> Result<Val, Failure> {
    let budget = Budget {
        held: RefCell::new(room.hold(json.len())?),
        full: Cell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let seed = Seed {
        ty,
        budget: &budget,
    };
    let value = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| match budget.full.get() {
        Some(full) => full.into(),
        None => Failure::new(Code::INVALID_REPLY, Cause::InvalidReply, error.to_string()),
    })
}

/// What the values of one reply are held in.
struct Budget {
    held: RefCell<Held>,
    /// Set once there was no room for one.
    full: Cell<Option<NoRoom>>,
}

impl Budget {
    /// Holds so many values and so many bytes beside them.
    fn take<E: Error>(&self, values: usize, bytes: usize) -> Result<(), E> {
        let bytes = values
            .saturating_mul(size_of::<Val>())
            .saturating_add(bytes);
        self.held.borrow_mut().more(bytes).map_err(|full| {
            self.full.set(Some(full));
            E::custom(full)
        })
    }
}

/// Reads a value of a type.
#[derive(Clone, Copy)]
struct Seed<'a> {
    ty: &'a Type,
    budget: &'a Budget,
}

impl Seed<'_> {
    fn take<E: Error>(self, values: usize, bytes: usize) -> Result<(), E> {
        self.budget.take(values, bytes)
    }

    fn text<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.take(0, text.len())?;
        Ok(text)
    }

    fn list<'de, D: Deserializer<'de>>(
        self,
        deserializer: D,
        item: &Type,
    ) -> Result<Val, D::Error> {
        if !matches!(item, Type::U8) {
            let seed = Seed { ty: item, ..self };
            return deserializer.deserialize_seq(List(seed));
        }
        let text = self.text(deserializer)?;
        let bytes = STANDARD
            .decode(text)
            .map_err(|error| D::Error::custom(format!("not base64: {error}")))?;
        self.take(bytes.len(), 0)?;
        Ok(Val::List(bytes.into_iter().map(Val::U8).collect()))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        self.take(1, 0)?;
        match self.ty {
            Type::Bool => bool::deserialize(deserializer).map(Val::Bool),
            Type::S8 => i8::deserialize(deserializer).map(Val::S8),
            Type::U8 => u8::deserialize(deserializer).map(Val::U8),
            Type::S16 => i16::deserialize(deserializer).map(Val::S16),
            Type::U16 => u16::deserialize(deserializer).map(Val::U16),
            Type::S32 => i32::deserialize(deserializer).map(Val::S32),
            Type::U32 => u32::deserialize(deserializer).map(Val::U32),
            Type::S64 => i64::deserialize(deserializer).map(Val::S64),
            Type::U64 => u64::deserialize(deserializer).map(Val::U64),
            Type::Float32 => f32::deserialize(deserializer).map(Val::Float32),
            Type::Float64 => f64::deserialize(deserializer).map(Val::Float64),
            Type::Char => char::deserialize(deserializer).map(Val::Char),
            Type::String => self.text(deserializer).map(Val::String),
            Type::Enum(ty) => {
                let name = self.text(deserializer)?;
                if ty.names().any(|case| case == name) {
                    Ok(Val::Enum(name))
                } else {
                    Err(D::Error::custom("not a case of its enum"))
                }
            }
            Type::Option(ty) => {
                let ty = ty.ty();
                deserializer.deserialize_option(Optional(Seed { ty: &ty, ..self }))
            }
            Type::List(ty) => self.list(deserializer, &ty.ty()),
            Type::Tuple(ty) => {
                let types: Vec<_> = ty.types().collect();
                let budget = self.budget;
                deserializer.deserialize_seq(Tuple { types, budget })
            }
            Type::Record(ty) => {
                let budget = self.budget;
                deserializer.deserialize_map(Record { ty, budget })
            }
            _ => Err(D::Error::custom("of a type that no operation gives")),
        }
    }
}

/// A list whose items `Seed` reads.
struct List<'a>(Seed<'a>);

impl<'de> Visitor<'de> for List<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Val, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.0)? {
            // A list grows to twice what is in it.
            self.0.take(1, 0)?;
            list.push(item);
        }
        Ok(Val::List(list))
    }
}

/// A value that `Seed` reads, or none.
struct Optional<'a>(Seed<'a>);

impl<'de> Visitor<'de> for Optional<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Val, E> {
        Ok(Val::Option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Val, D::Error> {
        let value = self.0.deserialize(deserializer)?;
        Ok(Val::Option(Some(Box::new(value))))
    }
}

struct Tuple<'a> {
    types: Vec<Type>,
    budget: &'a Budget,
}

impl<'de> Visitor<'de> for Tuple<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.types.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Val, A::Error> {
        let mut tuple = Vec::with_capacity(self.types.len());
        for (at, ty) in self.types.iter().enumerate() {
            let budget = self.budget;
            let item = items.next_element_seed(Seed { ty, budget })?;
            tuple.push(item.ok_or_else(|| A::Error::invalid_length(at, &self))?);
        }
        Ok(Val::Tuple(tuple))
    }
}

struct Record<'a> {
    ty: &'a types::Record,
    budget: &'a Budget,
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Val, A::Error> {
        let fields: Vec<_> = self.ty.fields().collect();
        // What is absent takes as much, and is not in the text.
        let names = fields.iter().map(|field| field.name.len()).sum();
        self.budget.take(2 * fields.len(), names)?;
        let mut values: Vec<Option<Val>> = fields.iter().map(|_| None).collect();
        while let Some(key) = entries.next_key::<String>()? {
            let at = fields.iter().position(|field| field.name == key);
            let Some(at) = at else {
                return Err(A::Error::custom("an object with a key that is no field"));
            };
            let seed = Seed {
                ty: &fields[at].ty,
                budget: self.budget,
            };
            values[at] = Some(entries.next_value_seed(seed)?);
        }
        let record = fields.iter().zip(values).map(|(field, value)| {
            let absent = || matches!(field.ty, Type::Option(_)).then_some(Val::Option(None));
            let value = value.or_else(absent);
            let missing = || A::Error::custom(format!("the field `{}` is missing", field.name));
            Ok((field.name.to_owned(), value.ok_or_else(missing)?))
        });
        record.collect::<Result<_, _>>().map(Val::Record)
    }
}
