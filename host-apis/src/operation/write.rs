//! From a program's values to JSON, by the names of the WIT.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasmtime::component::Val;
use wasmtime::component::types::{ComponentFunc, Type};

/// Why values cannot be written as an operation's arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// There is more of it than may be written.
    #[error("the arguments are too long")]
    TooLong,
    /// JSON has no such number.
    #[error("`{0}` is not a finite number")]
    NotFinite(String),
    /// No operation takes a value of such a type.
    #[error("`{0}` is of a type that no operation takes")]
    Type(String),
}

/// The arguments as one JSON object: the fields of a sole record parameter, otherwise the parameters
/// by name. What is absent is left out.
///
/// Arguments of more than `most` bytes are not written: what is given for them is as many spaces and
/// one more, which the gate refuses, and puts on record, for their number alone.
pub(super) fn arguments(ty: &ComponentFunc, params: &[Val], most: usize) -> Result<String, Unfit> {
    let mut json = Json {
        text: String::new(),
        most,
        argument: String::new(),
    };
    let types: Vec<_> = ty.params().collect();
    let written = match (types.as_slice(), params) {
        ([(_, Type::Record(record))], [Val::Record(fields)]) => {
            let fields = record.fields().zip(fields);
            json.object(
                fields.map(|(field, (_, value))| (field.name, field.ty, value)),
                true,
            )
        }
        _ => {
            let params = types.into_iter().zip(params);
            json.object(params.map(|((name, ty), value)| (name, ty, value)), true)
        }
    };
    match written {
        Ok(()) => Ok(json.text),
        Err(Unfit::TooLong) => Ok(" ".repeat(most.saturating_add(1))),
        Err(unfit) => Err(unfit),
    }
}

/// JSON that does not grow past a bound.
struct Json {
    text: String,
    most: usize,
    /// The argument that is being written.
    argument: String,
}

impl Json {
    fn object<'a>(
        &mut self,
        fields: impl Iterator<Item = (&'a str, Type, &'a Val)>,
        arguments: bool,
    ) -> Result<(), Unfit> {
        self.push("{")?;
        let mut first = true;
        for (name, ty, value) in fields {
            if arguments {
                name.clone_into(&mut self.argument);
            }
            if matches!(value, Val::Option(None)) {
                continue;
            }
            if !first {
                self.push(",")?;
            }
            first = false;
            self.string(name)?;
            self.push(":")?;
            self.value(&ty, value)?;
        }
        self.push("}")
    }

    fn value(&mut self, ty: &Type, value: &Val) -> Result<(), Unfit> {
        match (value, ty) {
            (Val::Bool(value), _) => self.number(value),
            (Val::S8(value), _) => self.number(value),
            (Val::U8(value), _) => self.number(value),
            (Val::S16(value), _) => self.number(value),
            (Val::U16(value), _) => self.number(value),
            (Val::S32(value), _) => self.number(value),
            (Val::U32(value), _) => self.number(value),
            (Val::S64(value), _) => self.number(value),
            (Val::U64(value), _) => self.number(value),
            // Their `Debug` form is the shortest that is read back as the same number.
            (Val::Float32(value), _) if value.is_finite() => {
                self.number(&format_args!("{value:?}"))
            }
            (Val::Float64(value), _) if value.is_finite() => {
                self.number(&format_args!("{value:?}"))
            }
            (Val::Float32(_) | Val::Float64(_), _) => Err(Unfit::NotFinite(self.argument.clone())),
            (Val::Char(value), _) => self.string(value.encode_utf8(&mut [0; 4])),
            (Val::String(value) | Val::Enum(value), _) => self.string(value),
            (Val::Option(None), _) => self.push("null"),
            (Val::Option(Some(value)), Type::Option(ty)) => self.value(&ty.ty(), value),
            (Val::List(items), Type::List(ty)) => match ty.ty() {
                Type::U8 => self.bytes(items),
                ty => self.list(items.iter().map(|item| (ty.clone(), item))),
            },
            (Val::Tuple(items), Type::Tuple(ty)) => self.list(ty.types().zip(items)),
            (Val::Record(fields), Type::Record(ty)) => {
                let fields = ty.fields().zip(fields);
                self.object(
                    fields.map(|(field, (_, value))| (field.name, field.ty, value)),
                    false,
                )
            }
            _ => Err(Unfit::Type(self.argument.clone())),
        }
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = (Type, &'a Val)>) -> Result<(), Unfit> {
        self.push("[")?;
        for (at, (ty, item)) in items.enumerate() {
            if at > 0 {
                self.push(",")?;
            }
            self.value(&ty, item)?;
        }
        self.push("]")
    }

    fn bytes(&mut self, items: &[Val]) -> Result<(), Unfit> {
        self.room_for(items.len())?;
        let bytes: Vec<u8> = items
            .iter()
            .filter_map(|item| match item {
                Val::U8(byte) => Some(*byte),
                _ => None,
            })
            .collect();
        self.push("\"")?;
        self.push(&STANDARD.encode(bytes))?;
        self.push("\"")
    }

    fn string(&mut self, text: &str) -> Result<(), Unfit> {
        // Escaped, it is six times as long at most, and never shorter.
        self.room_for(text.len())?;
        self.push(&serde_json::Value::from(text).to_string())
    }

    fn number(&mut self, number: &dyn std::fmt::Display) -> Result<(), Unfit> {
        // Writing to a `String` cannot fail, and a number is short.
        _ = write!(self.text, "{number}");
        self.room_for(0)
    }

    fn push(&mut self, text: &str) -> Result<(), Unfit> {
        self.room_for(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn room_for(&self, bytes: usize) -> Result<(), Unfit> {
        let fits = self.text.len().saturating_add(bytes) <= self.most;
        fits.then_some(()).ok_or(Unfit::TooLong)
    }
}
