//! Whether every value that one matcher takes is taken by another.

use crate::condition::{Matcher, Scalar, Within};
use crate::value::Value;

use super::words;

impl Matcher {
    /// Whether every value that passes this one, and absence where it passes, passes `other` too.
    ///
    /// Judged by their parts, so `false` may also mean that it cannot be told: `{ min = 1, max = 2 }`
    /// is not seen to be within `[1, 2]`.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, _) | (Self::Within(_), Self::OneOf(_)) => false,
            (Self::OneOf(scalars), _) => scalars.iter().all(|scalar| takes(other, scalar)),
            (Self::Within(own), Self::Within(other)) => {
                let Within {
                    prefix,
                    min,
                    max,
                    max_bytes,
                } = other;
                holds(prefix, &own.prefix, |most, own| {
                    own.starts_with(most.as_str())
                }) && holds(min, &own.min, at_most)
                    && holds(max, &own.max, |most, own| at_most(own, most))
                    && holds(max_bytes, &own.max_bytes, |most, own| own <= most)
            }
        }
    }
}

/// Whether a part that is asked for is there, and as strict.
fn holds<T>(asked: &Option<T>, own: &Option<T>, strict: impl Fn(&T, &T) -> bool) -> bool {
    match (asked, own) {
        (None, _) => true,
        (Some(asked), Some(own)) => strict(asked, own),
        (Some(_), None) => false,
    }
}

/// Whether a matcher takes this value; never where value and matcher are of different types.
fn takes(matcher: &Matcher, scalar: &Scalar) -> bool {
    let value = match scalar {
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::F32(value) => Value::F32(*value),
        Scalar::F64(value) => Value::F64(*value),
        Scalar::Integer(value) => Value::Integer(*value),
        Scalar::Text(value) => Value::Text(value.clone()),
    };
    matcher.admits(&value).is_ok()
}

/// Whether two numbers of one type are in this order.
fn at_most(one: &Scalar, other: &Scalar) -> bool {
    match (one, other) {
        (Scalar::Integer(one), Scalar::Integer(other)) => one <= other,
        (Scalar::F32(one), Scalar::F32(other)) => one <= other,
        (Scalar::F64(one), Scalar::F64(other)) => one <= other,
        _ => false,
    }
}

/// What `of` lets an argument be and `over` does not, where it is not within it.
pub(super) fn excess(argument: &str, of: &Matcher, over: &Matcher) -> Vec<String> {
    if of.within(over) {
        return Vec::new();
    }
    let argument = words::quote(argument);
    match (of, over) {
        (Matcher::OneOf(scalars), _) => {
            let more: Vec<_> = scalars
                .iter()
                .filter(|scalar| !takes(over, scalar))
                .collect();
            vec![format!("{argument} may be {}", words::values(&more))]
        }
        (Matcher::Within(own), Matcher::Within(other)) => parts(&argument, own, other),
        (_, _) => vec![format!("{argument} may be {}", words::matcher(of))],
    }
}

fn parts(argument: &str, own: &Within, other: &Within) -> Vec<String> {
    // Each part alone, so that it is told alone.
    let only = |part: Within| Matcher::Within(part);
    let mut found = Vec::new();
    let mut part = |asked: Within, given: Option<String>, without: String| {
        if !only(own.clone()).within(&only(asked)) {
            let what = given.unwrap_or(without);
            found.push(format!("{argument} {what}"));
        }
    };
    if let Some(prefix) = &other.prefix {
        let asked = Within {
            prefix: Some(prefix.clone()),
            ..Within::default()
        };
        let given = own.prefix.as_ref();
        part(
            asked,
            given.map(|prefix| format!("may start with {}", words::quote(prefix))),
            format!("need not start with {}", words::quote(prefix)),
        );
    }
    if let Some(min) = &other.min {
        let asked = Within {
            min: Some(min.clone()),
            ..Within::default()
        };
        let given = own.min.as_ref();
        part(
            asked,
            given.map(|min| format!("may be as small as {}", words::value(min))),
            format!("may be less than {}", words::value(min)),
        );
    }
    if let Some(max) = &other.max {
        let asked = Within {
            max: Some(max.clone()),
            ..Within::default()
        };
        let given = own.max.as_ref();
        part(
            asked,
            given.map(|max| format!("may be as large as {}", words::value(max))),
            format!("may be more than {}", words::value(max)),
        );
    }
    if let Some(most) = other.max_bytes {
        let asked = Within {
            max_bytes: Some(most),
            ..Within::default()
        };
        let given = own.max_bytes;
        part(
            asked,
            given.map(|own| format!("may have as many as {own} bytes")),
            format!("may have more than {most} bytes"),
        );
    }
    found
}
