//! `where`: what a grant asks of an operation's arguments.

use std::cmp::Ordering;
use std::fmt;

use crate::value::{Value, brief};

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
    /// A number of `f32`, rounded as an argument is. INVARIANT: finite.
    F32(f32),
    /// A number of `f64`. INVARIANT: finite.
    F64(f64),
    /// A number of an integer type.
    Integer(i128),
    /// A `string`, a `char` or the case of an `enum`.
    Text(String),
}

/// What a value is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unmet<'m> {
    Above(&'m Scalar),
    Absent,
    Below(&'m Scalar),
    LongerThan(u64),
    NotOneOf(&'m [Scalar]),
    Prefix(&'m str),
}

impl Matcher {
    /// Compares a value exactly.
    pub(crate) fn admits(&self, value: &Value) -> Result<(), Unmet<'_>> {
        match self {
            Self::Any => Ok(()),
            _ if *value == Value::Absent => Err(Unmet::Absent),
            Self::OneOf(scalars) if scalars.iter().any(|scalar| scalar.equals(value)) => Ok(()),
            Self::OneOf(scalars) => Err(Unmet::NotOneOf(scalars)),
            Self::Within(within) => within.admits(value),
        }
    }
}

impl Within {
    fn admits(&self, value: &Value) -> Result<(), Unmet<'_>> {
        if let Some(prefix) = &self.prefix
            && !matches!(value, Value::Text(text) if text.starts_with(prefix.as_str()))
        {
            return Err(Unmet::Prefix(prefix));
        }
        if let Some(min) = &self.min
            && !matches!(min.compare(value), Some(Ordering::Less | Ordering::Equal))
        {
            return Err(Unmet::Below(min));
        }
        if let Some(max) = &self.max
            && !matches!(
                max.compare(value),
                Some(Ordering::Greater | Ordering::Equal)
            )
        {
            return Err(Unmet::Above(max));
        }
        if let Some(most) = self.max_bytes {
            let bytes = match value {
                Value::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
                Value::Text(text) => u64::try_from(text.len()).ok(),
                _ => None,
            };
            if bytes.is_none_or(|bytes| bytes > most) {
                return Err(Unmet::LongerThan(most));
            }
        }
        Ok(())
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Bool(one), Value::Bool(other)) => one == other,
            (Self::Text(one), Value::Text(other)) => one == other,
            _ => self.compare(value) == Some(Ordering::Equal),
        }
    }

    /// How the number stands to a value; none where one of them is no number of its kind.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Integer(one), Value::Integer(other)) => Some(one.cmp(other)),
            (Self::F32(one), Value::F32(other)) => one.partial_cmp(other),
            (Self::F64(one), Value::F64(other)) => one.partial_cmp(other),
            _ => None,
        }
    }
}

impl fmt::Display for Scalar {
    /// A text quoted, escaped and cut at 64 characters, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::F32(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Text(text) => write!(f, "\"{}\"", brief(text)),
        }
    }
}

/// The most values that a message lists.
const MOST_LISTED: usize = 5;

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(most) => write!(f, "is more than {most}"),
            Self::Absent => f.write_str("is not given"),
            Self::Below(least) => write!(f, "is less than {least}"),
            Self::LongerThan(1) => f.write_str("has more than 1 byte"),
            Self::LongerThan(most) => write!(f, "has more than {most} bytes"),
            Self::NotOneOf(scalars) => {
                f.write_str("is not one of ")?;
                for (at, scalar) in scalars.iter().take(MOST_LISTED).enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{scalar}")?;
                }
                let cut = scalars.len() > MOST_LISTED;
                f.write_str(if cut { ", …" } else { "" })
            }
            Self::Prefix(prefix) => write!(f, "does not begin with \"{}\"", brief(prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn one_of(texts: &[&str]) -> Matcher {
        crate::testing::made::one_of(texts)
    }

    #[track_caller]
    fn check(matcher: &Matcher, value: &Value, expected: Result<(), &str>) {
        let found = matcher.admits(value).map_err(|unmet| unmet.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{value:?}");
    }

    #[test]
    fn a_text_is_compared_exactly() {
        let matcher = one_of(&["Widgets", "é"]);
        check(&matcher, &text("Widgets"), Ok(()));
        check(&matcher, &text("é"), Ok(()));
        for other in ["widgets", "Widgets ", "Widget", "", "e\u{301}"] {
            check(
                &matcher,
                &text(other),
                Err("is not one of \"Widgets\", \"é\""),
            );
        }
    }

    #[test]
    fn an_absent_argument_fits_nothing_but_any() {
        check(&Matcher::Any, &Value::Absent, Ok(()));
        check(&one_of(&["a"]), &Value::Absent, Err("is not given"));
        let within = Matcher::Within(Within {
            max: Some(Scalar::Integer(5)),
            ..Within::default()
        });
        check(&within, &Value::Absent, Err("is not given"));
    }

    #[test]
    fn all_of_a_table_holds() {
        let matcher = Matcher::Within(Within {
            prefix: Some("agents/".to_owned()),
            max_bytes: Some(9),
            ..Within::default()
        });
        check(&matcher, &text("agents/ab"), Ok(()));
        check(&matcher, &text("agents/abc"), Err("has more than 9 bytes"));
        check(&matcher, &text("agents/é1"), Err("has more than 9 bytes"));
        check(
            &matcher,
            &text("Agents/a"),
            Err("does not begin with \"agents/\""),
        );
    }

    #[test]
    fn numbers_are_held_to_both_ends() {
        let matcher = Matcher::Within(Within {
            min: Some(Scalar::Integer(-1)),
            max: Some(Scalar::Integer(u64::MAX.into())),
            ..Within::default()
        });
        check(&matcher, &Value::Integer(-1), Ok(()));
        check(&matcher, &Value::Integer(u64::MAX.into()), Ok(()));
        check(&matcher, &Value::Integer(-2), Err("is less than -1"));
        let above = i128::from(u64::MAX) + 1;
        check(
            &matcher,
            &Value::Integer(above),
            Err("is more than 18446744073709551615"),
        );
    }

    #[test]
    fn a_float_of_either_size_equals_itself() {
        let tenth = Matcher::OneOf(vec![Scalar::F64(0.1)]);
        check(&tenth, &Value::F64(0.1), Ok(()));
        let small = Matcher::OneOf(vec![Scalar::F32(0.1)]);
        check(&small, &Value::F32(0.1), Ok(()));
        check(&small, &Value::F64(0.1), Err("is not one of 0.1"));
        check(
            &tenth,
            &Value::F64(0.1_f32.into()),
            Err("is not one of 0.1"),
        );
        let most = Matcher::Within(Within {
            max: Some(Scalar::F32(0.1)),
            ..Within::default()
        });
        check(&most, &Value::F32(0.1), Ok(()));
        check(&most, &Value::F32(0.11), Err("is more than 0.1"));
    }

    #[test]
    fn a_matcher_that_does_not_fit_the_type_admits_nothing() {
        let number = Matcher::OneOf(vec![Scalar::Integer(1), Scalar::Bool(true)]);
        for value in [
            text("1"),
            text("true"),
            Value::Bytes(vec![1]),
            Value::F64(1.0),
        ] {
            check(&number, &value, Err("is not one of 1, true"));
        }
        let bytes = Matcher::Within(Within {
            max_bytes: Some(1),
            ..Within::default()
        });
        check(&bytes, &Value::Bytes(vec![1]), Ok(()));
        check(
            &bytes,
            &Value::Bytes(vec![1, 2]),
            Err("has more than 1 byte"),
        );
        check(&bytes, &Value::Integer(1), Err("has more than 1 byte"));
    }

    #[test]
    fn a_message_lists_five_values_and_escapes_them() {
        let matcher = one_of(&["a\n", "b", "c", "d", "e", "f"]);
        check(
            &matcher,
            &text("x"),
            Err("is not one of \"a\\n\", \"b\", \"c\", \"d\", \"e\", …"),
        );
    }
}
