//! Values of arguments, their types, and what a policy asks of them.

use crate::bytes::Bytes;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Bytes,
    Char,
    Color,
    F64,
    Integer(i64, i64),
    Text,
}

/// What a program may give for an argument, and a policy may ask for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Null,
    Number(f64),
    Object,
    Text(String),
}

#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Any,
    OneOf(Vec<Value>),
    Within {
        prefix: Option<&'static str>,
        min: Option<Value>,
        max: Option<Value>,
        max_bytes: Option<usize>,
    },
}

const TEXTS: &[&str] = &[
    "acme",
    "acme/x",
    "docs/a",
    "docs/",
    "é",
    "a b",
    "",
    ".",
    "..",
    "a/../b",
    "a%2Fb",
    "%",
    "a\\b",
    "..;x",
    "\n",
    "docs/a/b.txt",
    "a;b",
    "?",
    "#",
    " ",
    "acme ",
    "Acme",
];
impl Type {
    /// A value that is of the type, most often.
    pub(super) fn some(self, bytes: &mut Bytes<'_>) -> Value {
        match self {
            Self::Bool => Value::Bool(bytes.one_in(2)),
            Self::Bytes => {
                Value::Text(bytes.pick(&["AAEC", "AA==", "//8=", "docs", ""]).to_owned())
            }
            Self::Char => Value::Text(bytes.pick(&["a", "é", "\u{1f600}", "\n", "%"]).to_owned()),
            Self::Color => Value::Text(bytes.pick(&["red", "dark-green"]).to_owned()),
            Self::F64 if bytes.one_in(2) => Value::Integer(bytes.pick(&[0, 1, -2])),
            Self::F64 => Value::Number(bytes.pick(&[0.5, 0.1, -2.0, 1.0, 1e300])),
            Self::Integer(least, most) => {
                Value::Integer(bytes.pick(&[0, 1, 2, 3, 10, least, most]))
            }
            Self::Text => Value::Text(bytes.pick(TEXTS).to_owned()),
        }
    }

    /// Whether the value is of the type.
    pub(super) fn has(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Bool, Value::Bool(_))
            | (Self::F64, Value::Integer(_) | Value::Number(_))
            | (Self::Text, Value::Text(_)) => true,
            (Self::Bytes, Value::Text(text)) => base64_length(text).is_some(),
            (Self::Char, Value::Text(text)) => text.chars().count() == 1,
            (Self::Color, Value::Text(text)) => text == "red" || text == "dark-green",
            (Self::Integer(least, most), Value::Integer(number)) => (least..=most).contains(number),
            _ => false,
        }
    }

    pub(super) fn matcher(self, bytes: &mut Bytes<'_>) -> Matcher {
        let scalar = |bytes: &mut Bytes<'_>| match self {
            // A policy compares with values that can be there.
            Self::F64 => Value::Number(bytes.pick(&[0.5, 0.1, -2.0, 1.0])),
            Self::Text => Value::Text(bytes.pick(&["acme", "docs/a", "é", "a b"]).to_owned()),
            _ => self.some(bytes),
        };
        let (one, other) = (scalar(bytes), scalar(bytes));
        match (bytes.below(4), self) {
            (0, _) => Matcher::Any,
            (1, Self::Text) => Matcher::Within {
                prefix: Some(bytes.pick(&["acme", "docs/", "é", "a"])),
                min: None,
                max: None,
                max_bytes: bytes.one_in(2).then_some(6),
            },
            (_, Self::Bytes) | (2, Self::Text) => Matcher::Within {
                prefix: None,
                min: None,
                max: None,
                max_bytes: Some(bytes.below(6)),
            },
            (1 | 2, Self::Integer(..) | Self::F64) => {
                let (min, max) = if number(&one) <= number(&other) {
                    (one, other)
                } else {
                    (other, one)
                };
                let (both, only_min) = (bytes.one_in(2), bytes.one_in(2));
                Matcher::Within {
                    prefix: None,
                    min: (both || only_min).then_some(min),
                    max: (both || !only_min).then_some(max),
                    max_bytes: None,
                }
            }
            (3, _) if one != other => Matcher::OneOf(vec![one, other]),
            _ => Matcher::OneOf(vec![one]),
        }
    }
}

pub(super) fn number(value: &Value) -> f64 {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the numbers of the generator are small"
        )]
        Value::Integer(number) => *number as f64,
        Value::Number(number) => *number,
        _ => f64::NAN,
    }
}

/// How many bytes a text of base64 stands for, if it is one: padded, and nothing left over.
fn base64_length(text: &str) -> Option<usize> {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    let values: Option<Vec<usize>> = bare.chars().map(|digit| digits.find(digit)).collect();
    let rest = match padding {
        0 => 0,
        1 => values.as_ref()?.last()? % 4,
        2 => values.as_ref()?.last()? % 16,
        _ => return None,
    };
    (values.is_some() && text.len().is_multiple_of(4) && rest == 0)
        .then(|| text.len() / 4 * 3 - padding)
}

impl Matcher {
    pub(super) fn admits(&self, of: Type, value: &Value) -> bool {
        let same = |one: &Value| match (one, value) {
            (Value::Integer(_) | Value::Number(_), _) => {
                number(one).total_cmp(&number(value)).is_eq()
            }
            _ => one == value,
        };
        match (self, value) {
            (Self::Any, _) => true,
            (_, Value::Null) => false,
            (Self::OneOf(values), _) => values.iter().any(same),
            (
                Self::Within {
                    prefix,
                    min,
                    max,
                    max_bytes,
                },
                _,
            ) => {
                let text = match value {
                    Value::Text(text) => text.as_str(),
                    _ => "",
                };
                let length = match of {
                    Type::Bytes => base64_length(text).unwrap_or(0),
                    _ => text.len(),
                };
                prefix.is_none_or(|prefix| text.starts_with(prefix))
                    && min.as_ref().is_none_or(|min| number(min) <= number(value))
                    && max.as_ref().is_none_or(|max| number(max) >= number(value))
                    && max_bytes.is_none_or(|most| length <= most)
            }
        }
    }

    /// The matcher as a policy writes it.
    pub(super) fn text(&self) -> String {
        let scalar = |value: &Value| match value {
            Value::Text(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Number(number) => format!("{number:?}"),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Object => panic!("no matcher has one"),
        };
        match self {
            Self::Any => "{ any = true }".to_owned(),
            Self::OneOf(values) if values.len() == 1 => scalar(&values[0]),
            Self::OneOf(values) => {
                format!(
                    "[{}]",
                    values.iter().map(scalar).collect::<Vec<_>>().join(", ")
                )
            }
            Self::Within {
                prefix,
                min,
                max,
                max_bytes,
            } => {
                let parts = [
                    prefix.map(|prefix| format!("prefix = {prefix:?}")),
                    min.as_ref().map(|min| format!("min = {}", scalar(min))),
                    max.as_ref().map(|max| format!("max = {}", scalar(max))),
                    max_bytes.map(|most| format!("max-bytes = {most}")),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                format!("{{ {} }}", parts.join(", "))
            }
        }
    }
}
