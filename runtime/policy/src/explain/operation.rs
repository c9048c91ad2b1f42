//! A grant of an operation in plain sentences.

use crate::condition::{Condition, Matcher, Scalar, Within};
use crate::grant::OperationGrant;
use crate::operation::{Effect, Idempotency, Operation};
use crate::origin::Scheme;

use super::{GrantExplanation, beside_public, counts, key, one_line};

pub(super) fn operation_grant(grant: &OperationGrant) -> GrantExplanation {
    let operation = grant.operation();
    let mut sentences = vec![format!(
        "It may send `{}` to `{}`.",
        operation.route(),
        grant.origin()
    )];
    sentences.push(format!(
        "{} {}",
        effect(operation.effect()),
        repeated(operation)
    ));
    sentences.extend(where_(grant.conditions()));
    if grant.conditions().is_empty() && !operation.arguments().is_empty() {
        sentences.push("Whatever its arguments.".to_owned());
    }
    match grant.credential() {
        Some(credential) => sentences.push(key(credential)),
        None => sentences.push("No key is sent.".to_owned()),
    }
    if let (Some(permission), true) = (operation.permission(), grant.credential().is_some()) {
        let permission = one_line(permission);
        sentences.push(format!(
            "That key has to be allowed `{permission}`, and no more."
        ));
    }
    if grant.origin().scheme() == Scheme::Http {
        let what = match grant.credential() {
            Some(_) => "the key travels",
            None => "requests travel",
        };
        sentences.push(format!(
            "To `{}`, {what} in the clear, on this machine.",
            grant.origin()
        ));
    }
    sentences.extend(beside_public(grant.addresses.ranges()));
    sentences.push(counts(grant.limits()));
    GrantExplanation {
        name: grant.name().to_owned(),
        sentences,
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Admin => "It changes who may do what, and asks nobody.",
        Effect::Destroy => "It removes what cannot be brought back, and asks nobody.",
        Effect::Read => "It reads.",
        Effect::Spend => "It costs money.",
        Effect::Write => "It changes something.",
    }
}

fn repeated(operation: &Operation) -> String {
    match operation.idempotency() {
        Idempotency::Always => "Called twice, it is as if called once.".to_owned(),
        Idempotency::ByKey(name) => {
            format!("Called twice with the same `{name}`, it is as if called once.")
        }
        Idempotency::Never => "Called twice, it happens twice.".to_owned(),
    }
}

/// What the arguments have to be.
fn where_(conditions: &[Condition]) -> Vec<String> {
    let mut bound = Vec::new();
    let mut free = Vec::new();
    for condition in conditions {
        let name = &condition.argument;
        match &condition.matcher {
            Matcher::Any => free.push(format!("`{name}`")),
            Matcher::OneOf(scalars) => bound.push(format!("`{name}` is {}", one_of(scalars))),
            Matcher::Within(within) => bound.push(format!("`{name}` {}", parts(within))),
        }
    }
    let mut sentences = Vec::new();
    if !bound.is_empty() {
        sentences.push(format!("Only where {}.", joined(&bound, "and")));
    }
    if !free.is_empty() {
        sentences.push(format!("Whatever {} may be.", joined(&free, "and")));
    }
    sentences
}

fn one_of(scalars: &[Scalar]) -> String {
    let scalars: Vec<_> = scalars.iter().map(whole).collect();
    joined(&scalars, "or")
}

fn parts(within: &Within) -> String {
    let mut parts = Vec::new();
    if let Some(prefix) = &within.prefix {
        parts.push(format!("starts with \"{}\"", prefix.escape_debug()));
    }
    match (&within.min, &within.max) {
        (Some(min), Some(max)) => parts.push(format!("is {} to {}", whole(min), whole(max))),
        (Some(min), None) => parts.push(format!("is at least {}", whole(min))),
        (None, Some(max)) => parts.push(format!("is at most {}", whole(max))),
        (None, None) => {}
    }
    if let Some(most) = within.max_bytes {
        parts.push(format!("has at most {most} bytes"));
    }
    joined(&parts, "and")
}

/// A value as a policy writes it, however long: who approves a policy sees all of it.
fn whole(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => format!("\"{}\"", text.escape_debug()),
        Scalar::Bool(_) | Scalar::F32(_) | Scalar::F64(_) | Scalar::Integer(_) => {
            scalar.to_string()
        }
    }
}

/// `a, b and c`.
pub(super) fn joined(items: &[String], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
