//! What excess is told in: words of this crate, and in backticks what a policy says.

use crate::address::AddressRule;
use crate::condition::{Matcher, Scalar, Within};
use crate::credential::{Credential, Placement};
use crate::limit::Limit;
use crate::verdict::Window;

/// A policy's text in backticks: escaped, without a backtick inside, and whole. What is cut off could
/// be what was added.
pub(crate) fn quote(text: &str) -> String {
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let mut quoted = "`".to_owned();
    for letter in text.chars() {
        match letter {
            '`' => quoted.push_str("\\u{60}"),
            '"' | '\'' => quoted.push(letter),
            _ => quoted.extend(letter.escape_debug()),
        }
    }
    quoted.push('`');
    quoted
}

/// The key that a grant sends.
pub(super) fn key(credential: Option<&Credential>) -> String {
    let Some(credential) = credential else {
        return "no key is sent".to_owned();
    };
    let place = match credential.placement() {
        Placement::Basic { user } => format!("as the password of {} (basic)", quote(user)),
        Placement::Bearer => "as a bearer token".to_owned(),
        Placement::Header { name, prefix } if prefix.is_empty() => {
            format!("in the header {}", quote(name.as_str()))
        }
        Placement::Header { name, prefix } => {
            let (name, prefix) = (quote(name.as_str()), quote(prefix));
            format!("in the header {name} after {prefix}")
        }
        Placement::Query { name } => format!("in the query parameter {}", quote(name)),
    };
    let from = quote(&credential.reference().to_string());
    format!("the host adds the key from {from} {place}")
}

/// How often a grant may be used, as far as its limits say.
pub(super) fn limits(limits: &[Limit]) -> String {
    if limits.is_empty() {
        return "nothing limits how often".to_owned();
    }
    let limits: Vec<_> = limits
        .iter()
        .map(|limit| {
            let windows: Vec<_> = limit.windows.iter().map(Window::to_string).collect();
            format!("{} ({})", quote(&limit.name), windows.join(", "))
        })
        .collect();
    format!("each call counts towards {}", limits.join(" and "))
}

/// The ranges of addresses that are admitted beside public ones, if there are any.
pub(super) fn addresses(rule: &AddressRule) -> Option<String> {
    let ranges: Vec<_> = rule
        .ranges()
        .iter()
        .map(|range| quote(&range.to_string()))
        .collect();
    (!ranges.is_empty()).then(|| format!("names may lead to addresses in {}", all(&ranges)))
}

/// What a value of an argument has to be.
pub(super) fn matcher(matcher: &Matcher) -> String {
    match matcher {
        Matcher::Any => "anything".to_owned(),
        Matcher::OneOf(scalars) => values(&scalars.iter().collect::<Vec<_>>()),
        Matcher::Within(Within {
            prefix,
            min,
            max,
            max_bytes,
        }) => {
            let parts = [
                prefix
                    .as_ref()
                    .map(|prefix| format!("starts with {}", quote(prefix))),
                min.as_ref()
                    .map(|min| format!("is at least {}", value(min))),
                max.as_ref().map(|max| format!("is at most {}", value(max))),
                max_bytes.map(|most| format!("has at most {most} bytes")),
            ];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            format!("what {}", parts.join(" and "))
        }
    }
}

/// Some values, each of them told.
pub(super) fn values(all: &[&Scalar]) -> String {
    let told: Vec<_> = all.iter().map(|scalar| value(scalar)).collect();
    told.join(" or ")
}

pub(super) fn value(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => quote(&value.to_string()),
        Scalar::F32(value) => quote(&value.to_string()),
        Scalar::F64(value) => quote(&value.to_string()),
        Scalar::Integer(value) => quote(&value.to_string()),
        Scalar::Text(value) => quote(value),
    }
}

/// A list in words: `a`, `a and b`, `a, b and c`.
pub(super) fn all(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
