//! `where`: what a grant asks of an operation's arguments.

use std::fmt;

/// What a grant asks of one argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The argument, as [`Operation::arguments`](crate::Operation::arguments) names it.
    pub(crate) argument: String,
    pub(crate) matcher: Matcher,
}

/// What a value has to be. An absent argument is nothing but `Any`.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// `{ any = true }`: whatever it is, or absent.
    Any,
    /// A value, or a list of them: one of these. INVARIANT: not empty.
    OneOf(Vec<Scalar>),
    /// A table: all of it holds. INVARIANT: not empty, and fits the argument's type.
    Within(Within),
}

/// What a value has to be, by its parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Within {
    /// How a string begins. INVARIANT: not empty.
    pub(crate) prefix: Option<String>,
    /// The smallest number.
    pub(crate) min: Option<Scalar>,
    /// The largest number.
    pub(crate) max: Option<Scalar>,
    /// The most bytes of a string's UTF-8, or of a `list<u8>`.
    pub(crate) max_bytes: Option<u64>,
}

/// A value that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number of `f32` or `f64`. INVARIANT: finite.
    Float(f64),
    /// A number of an integer type.
    Integer(i128),
    /// A `string`, a `char` or the case of an `enum`.
    Text(String),
}

impl fmt::Display for Scalar {
    /// As a policy writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(flag) => flag.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => write!(f, "\"{}\"", text.escape_debug()),
        }
    }
}
