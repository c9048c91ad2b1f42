//! The types of WIT as plain data: what an operation takes and gives.

mod difference;

use std::fmt;

/// A type of the component model, without the names of records, variants and enums: two types of
/// one shape are one type to a component.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `bool`.
    Bool,
    /// `char`.
    Char,
    /// `enum`.
    Enum(Vec<Case>),
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `flags`.
    Flags(Vec<String>),
    /// `list<T>`; `list<u8>` is bytes.
    List(Box<Shape>),
    /// `option<T>`.
    Option(Box<Shape>),
    /// Anything else, as WIT writes it: resources, streams, futures.
    Other(String),
    /// `record`.
    Record(Vec<Field>),
    /// `result<T, E>`.
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    /// `s8`.
    S8,
    /// `s16`.
    S16,
    /// `s32`.
    S32,
    /// `s64`.
    S64,
    /// `string`.
    String,
    /// `tuple<T, …>`.
    Tuple(Vec<Shape>),
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `variant`.
    Variant(Vec<(String, Option<Shape>)>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// The field's name in the API's JSON.
    pub(crate) key: String,
    /// Where a reply has it, where that is not under `key` in the object of its record.
    pub(crate) at: Option<Pointer>,
    /// Whether a reply may give a whole number for this string.
    pub(crate) text: bool,
}

/// A case of an enum.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub(crate) name: String,
    /// The case in the API's JSON.
    pub(crate) key: String,
}

/// A function's parameters and result.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub(crate) params: Vec<(String, Shape)>,
    pub(crate) result: Option<Shape>,
}

/// A place in a JSON document: RFC 6901, and `*` for each element of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pointer(pub(crate) Vec<Step>);

/// A step of a [`Pointer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `*`: each element of a list.
    Each,
    /// A key of an object, or an index of a list.
    Key(String),
}

impl Shape {
    /// The type without the option around it.
    pub(crate) fn bare(&self) -> &Self {
        match self {
            Self::Option(inner) => inner,
            shape => shape,
        }
    }
}

impl Field {
    /// A field that the API's JSON calls by its own name.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        let name = name.into();
        Self {
            key: name.clone(),
            name,
            shape,
            at: None,
            text: false,
        }
    }
}

impl Case {
    /// A case that the API's JSON calls by its own name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            key: name.clone(),
            name,
        }
    }
}

impl Signature {
    /// A function of these parameters, by name, and this result.
    #[must_use]
    pub fn new(params: Vec<(String, Shape)>, result: Option<Shape>) -> Self {
        Self { params, result }
    }

    /// The parameters by name, in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &Shape)> {
        self.params
            .iter()
            .map(|(name, shape)| (name.as_str(), shape))
    }

    /// The result.
    #[must_use]
    pub fn result(&self) -> Option<&Shape> {
        self.result.as_ref()
    }
}

impl fmt::Display for Shape {
    /// As WIT writes it; a type that WIT would name is written out: `record { x: u8 }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Char => f.write_str("char"),
            Self::Enum(cases) => braced(f, "enum", cases.iter().map(|case| &case.name)),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Flags(names) => braced(f, "flags", names),
            Self::List(inner) => write!(f, "list<{inner}>"),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::Other(text) => f.write_str(text),
            Self::Record(fields) => {
                let fields = fields.iter().map(|field| Named(&field.name, &field.shape));
                braced(f, "record", fields)
            }
            Self::Result(None, None) => f.write_str("result"),
            Self::Result(Some(good), None) => write!(f, "result<{good}>"),
            Self::Result(None, Some(bad)) => write!(f, "result<_, {bad}>"),
            Self::Result(Some(good), Some(bad)) => write!(f, "result<{good}, {bad}>"),
            Self::S8 => f.write_str("s8"),
            Self::S16 => f.write_str("s16"),
            Self::S32 => f.write_str("s32"),
            Self::S64 => f.write_str("s64"),
            Self::String => f.write_str("string"),
            Self::Tuple(parts) => {
                f.write_str("tuple<")?;
                separated(f, parts)?;
                f.write_str(">")
            }
            Self::U8 => f.write_str("u8"),
            Self::U16 => f.write_str("u16"),
            Self::U32 => f.write_str("u32"),
            Self::U64 => f.write_str("u64"),
            Self::Variant(cases) => {
                let cases = cases
                    .iter()
                    .map(|(name, shape)| Variant(name, shape.as_ref()));
                braced(f, "variant", cases)
            }
        }
    }
}

impl fmt::Display for Signature {
    /// As WIT writes it: `func(x: u8) -> string`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        separated(f, self.params().map(|(name, shape)| Named(name, shape)))?;
        f.write_str(")")?;
        match &self.result {
            Some(result) => write!(f, " -> {result}"),
            None => Ok(()),
        }
    }
}

/// `name: type`.
struct Named<'s>(&'s str, &'s Shape);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

/// `name` or `name(type)`.
struct Variant<'s>(&'s str, Option<&'s Shape>);

impl fmt::Display for Variant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(shape) => write!(f, "{}({shape})", self.0),
            None => f.write_str(self.0),
        }
    }
}

fn braced(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    items: impl IntoIterator<Item: fmt::Display>,
) -> fmt::Result {
    write!(f, "{keyword} {{ ")?;
    separated(f, items)?;
    f.write_str(" }")
}

fn separated(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item: fmt::Display>,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
