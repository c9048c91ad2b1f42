//! The types of WIT as plain data: what an operation takes and gives.

/// A type of the component model, without the names of records, variants and enums: two types of
/// one shape are one type to a component.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub struct Case {
    pub(crate) name: String,
    /// The case in the API's JSON.
    pub(crate) key: String,
}

/// A function's parameters and result.
#[derive(Clone, Debug)]
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
