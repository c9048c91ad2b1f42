//! `[run]`: the bounds of one run.

use toml::de::DeValue;

use crate::bounds::{Amount, Bound, Bounds, Unit};

use super::document::{Entry, Problems, Table, wrong_type};

/// Bounds that the language has a name for, and this build does not hold a run to.
const LATER: &[&str] = &["confirm-timeout"];

pub(crate) fn bounds(root: &Table<'_>, problems: &mut Problems) -> Bounds {
    let mut bounds = Bounds::default();
    let Some(table) = root.table("run", problems) else {
        return bounds;
    };
    let known: Vec<_> = Bound::all().iter().map(|bound| bound.name).collect();
    table.check_keys(&known, LATER, problems);
    for bound in Bound::all() {
        if let Some(entry) = table.get(bound.name)
            && let Some(amount) = amount(bound, &table, entry, problems)
        {
            bound.set(&mut bounds, amount);
        }
    }
    bounds
}

/// The amount that is written, where a run can be held to it.
fn amount(
    bound: &Bound,
    table: &Table<'_>,
    entry: &Entry<'_>,
    problems: &mut Problems,
) -> Option<Amount> {
    let path = table.path(bound.name);
    let span = entry.value.span();
    let amount = match (bound.unit, entry.value.get_ref()) {
        (Unit::Count, DeValue::Integer(number)) => {
            let number = u64::from_str_radix(number.as_str(), number.radix());
            number.ok().map(Amount::Count)
        }
        (Unit::Count, other) => {
            wrong_type(&path, &span, other, "a whole number", problems);
            return None;
        }
        (unit @ (Unit::Bytes | Unit::Time), other) if !matches!(other, DeValue::String(_)) => {
            let expected = match unit {
                Unit::Time => "a string with a unit, such as `\"5s\"`",
                _ => "a string with a unit, such as `\"64 MiB\"`",
            };
            wrong_type(&path, &span, other, expected, problems);
            return None;
        }
        (unit, _) => {
            let text = table.text_of(entry, problems)?.text;
            match unit.parse(&text) {
                Ok(amount) => Some(amount),
                Err(error) => {
                    problems.bad_value(&span, format!("`{path}`: {error}"));
                    return None;
                }
            }
        }
    };
    let fitting = amount.filter(|amount| bound.allows(*amount));
    if fitting.is_none() {
        let message = format!("`{path}` is out of range: {}", bound.sense());
        problems.bad_value(&span, message);
    }
    fitting
}
