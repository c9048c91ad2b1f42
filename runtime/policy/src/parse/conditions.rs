//! `where`: what a grant asks of its operation's arguments.

use toml::de::DeValue;

use crate::code::Code;
use crate::condition::{Condition, Matcher, Scalar, Within};
use crate::operation::Operation;
use crate::shape::Shape;
use crate::value::narrowed;

use super::document::{
    Entry, MOST_VALUES, Problems, Span, Table, Value, list, nearest, too_many, wrong_type,
};

/// The matchers of a table.
const MATCHERS: &[&str] = &["any", "max", "max-bytes", "min", "prefix"];

/// Reads the `where` of a grant. What is wrong with it has been reported and is left out.
pub(crate) fn conditions(
    grant: &Table<'_>,
    operation: &Operation,
    problems: &mut Problems,
) -> Vec<Condition> {
    let table = grant.table("where", problems);
    let arguments = operation.arguments();
    let mut conditions = Vec::new();
    for entry in table.iter().flat_map(|table| &table.entries) {
        let known = arguments.iter().find(|(name, _)| *name == entry.key);
        let Some((_, shape)) = known else {
            unknown(entry, operation, problems);
            continue;
        };
        let argument = Argument {
            name: &entry.key,
            shape: inner(shape),
        };
        if let Some(matcher) = argument.matcher(entry, problems) {
            conditions.push(Condition {
                argument: entry.key.clone(),
                matcher,
            });
        }
    }
    let unreadable = grant.get("where").is_some() && table.is_none();
    for name in operation.scope() {
        let bound = table
            .as_ref()
            .is_some_and(|table| table.get(name).is_some());
        if bound || unreadable {
            continue;
        }
        let span = table.as_ref().map_or(&grant.span, |table| &table.span);
        let message = format!(
            "`{name}` decides what {} may touch and is not bound",
            operation.function()
        );
        if let Some(problem) = problems.absent(Code::UNBOUND_SCOPE, span, message) {
            problem.advise(format!(
                "bind it in `where`, or say that it may be anything: `{name} = {{ any = true }}`"
            ));
        }
    }
    conditions
}

fn unknown(entry: &Entry<'_>, operation: &Operation, problems: &mut Problems) {
    let message = format!(
        "`{}` has no argument `{}`",
        operation.name(),
        entry.key.escape_debug()
    );
    let names: Vec<_> = operation
        .arguments()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let problem = problems.bad_value(&entry.span, message);
    match nearest(&entry.key, &names) {
        Some(near) => problem.advise(format!("did you mean `{near}`?")),
        None if names.is_empty() => problem.advise("it takes none"),
        None => problem.advise(format!("it takes {}", list(&names))),
    };
}

/// A type without `option`.
fn inner(shape: &Shape) -> &Shape {
    match shape {
        Shape::Option(inner) => inner,
        other => other,
    }
}

/// An argument that a condition is about.
struct Argument<'o> {
    name: &'o str,
    shape: &'o Shape,
}

impl Argument<'_> {
    fn matcher(&self, entry: &Entry<'_>, problems: &mut Problems) -> Option<Matcher> {
        let span = entry.value.span();
        match entry.value.get_ref() {
            DeValue::Table(_) => {
                // The name of the table is only for messages.
                let holder = Table {
                    name: "where".to_owned(),
                    span: entry.span.clone(),
                    entries: Vec::new(),
                };
                let table = holder.as_table(entry, problems)?;
                self.table(&table, &span, problems)
            }
            DeValue::Array(values) if values.is_empty() => {
                let message = format!("`where.{}` is empty", self.name);
                problems
                    .bad_value(&span, message)
                    .advise("an empty list would fit nothing");
                None
            }
            DeValue::Array(values) if values.len() > MOST_VALUES => {
                let path = format!("where.{}", self.name);
                too_many(&path, &span, MOST_VALUES, problems);
                None
            }
            _ if !self.can_be_compared() => {
                self.refuse_comparison(&span, problems);
                None
            }
            DeValue::Array(values) => self.one_of(values, problems),
            _ => self
                .scalar(&entry.value, problems)
                .map(|scalar| Matcher::OneOf(vec![scalar])),
        }
    }

    fn one_of(&self, values: &[Value<'_>], problems: &mut Problems) -> Option<Matcher> {
        let mut scalars: Vec<Scalar> = Vec::new();
        for value in values {
            let scalar = self.scalar(value, problems)?;
            if scalars.contains(&scalar) {
                let message = format!("`where.{}` has {scalar} twice", self.name);
                problems.add(Code::DUPLICATE, &value.span(), message);
                return None;
            }
            scalars.push(scalar);
        }
        Some(Matcher::OneOf(scalars))
    }

    /// Whether values of the argument can be compared with values of the policy.
    fn can_be_compared(&self) -> bool {
        !matches!(
            self.shape,
            Shape::Flags(_)
                | Shape::List(_)
                | Shape::Option(_)
                | Shape::Other(_)
                | Shape::Record(_)
                | Shape::Result(..)
                | Shape::Tuple(_)
                | Shape::Variant(_)
        )
    }

    fn refuse_comparison(&self, span: &Span, problems: &mut Problems) {
        let message = format!(
            "`{}` is `{}`, which cannot be compared with a value",
            self.name, self.shape
        );
        let problem = problems.bad_value(span, message);
        if self.is_bytes() {
            problem.advise("bytes have `{ max-bytes = 1024 }`");
        } else {
            problem.advise("leave it out; what a list or a record holds cannot be bound");
        }
    }

    fn is_bytes(&self) -> bool {
        matches!(self.shape, Shape::List(of) if matches!(**of, Shape::U8))
    }

    fn is_number(&self) -> bool {
        self.range().is_some() || matches!(self.shape, Shape::F32 | Shape::F64)
    }

    /// The smallest and largest value of an integer type.
    fn range(&self) -> Option<(i128, i128)> {
        Some(match self.shape {
            Shape::S8 => (i8::MIN.into(), i8::MAX.into()),
            Shape::S16 => (i16::MIN.into(), i16::MAX.into()),
            Shape::S32 => (i32::MIN.into(), i32::MAX.into()),
            Shape::S64 => (i64::MIN.into(), i64::MAX.into()),
            Shape::U8 => (0, u8::MAX.into()),
            Shape::U16 => (0, u16::MAX.into()),
            Shape::U32 => (0, u32::MAX.into()),
            Shape::U64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }

    /// Reads a value of the argument's type.
    fn scalar(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Scalar> {
        let span = value.span();
        match (self.shape, value.get_ref()) {
            (Shape::Bool, DeValue::Boolean(flag)) => return Some(Scalar::Bool(*flag)),
            (Shape::String, DeValue::String(text)) => {
                return Some(Scalar::Text(text.clone().into_owned()));
            }
            (Shape::Char, DeValue::String(text)) if text.chars().count() == 1 => {
                return Some(Scalar::Text(text.clone().into_owned()));
            }
            (Shape::Enum(cases), DeValue::String(text)) => {
                if cases.iter().any(|case| case.name == **text) {
                    return Some(Scalar::Text(text.clone().into_owned()));
                }
                let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
                let message = format!("`{}` is never `{}`", self.name, text.escape_debug());
                let problem = problems.bad_value(&span, message);
                match nearest(text, &names) {
                    Some(near) => problem.advise(format!("did you mean `{near}`?")),
                    None => problem.advise(format!("it is one of {}", list(&names))),
                };
                return None;
            }
            (Shape::F32, DeValue::Float(number)) => {
                return float(number.as_str(), single, &span, problems);
            }
            (Shape::F64, DeValue::Float(number)) => {
                return float(number.as_str(), double, &span, problems);
            }
            (Shape::F32, DeValue::Integer(number)) if number.radix() == 10 => {
                return float(number.as_str(), single, &span, problems);
            }
            (Shape::F64, DeValue::Integer(number)) if number.radix() == 10 => {
                return float(number.as_str(), double, &span, problems);
            }
            (_, DeValue::Integer(number)) if self.range().is_some() => {
                return self.integer(number.as_str(), number.radix(), &span, problems);
            }
            _ => {}
        }
        let expected = match self.shape {
            Shape::Bool => "true or false".to_owned(),
            Shape::Char => "a string of one character".to_owned(),
            Shape::Enum(_) => "the name of a case".to_owned(),
            Shape::String => "a string".to_owned(),
            number => format!("a number of `{number}`"),
        };
        let path = format!("where.{}", self.name);
        wrong_type(&path, &span, value.get_ref(), &expected, problems);
        None
    }

    fn integer(
        &self,
        digits: &str,
        radix: u32,
        span: &Span,
        problems: &mut Problems,
    ) -> Option<Scalar> {
        let (least, most) = self.range()?;
        let number = i128::from_str_radix(digits, radix)
            .ok()
            .filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("`{digits}` is no value of `{}`", self.shape);
            problems
                .bad_value(span, message)
                .advise(format!("`{}` is {least} to {most}", self.name));
        }
        number.map(Scalar::Integer)
    }

    /// Reads a table of matchers, all of which hold.
    fn table(&self, table: &Table<'_>, span: &Span, problems: &mut Problems) -> Option<Matcher> {
        table.check_keys(MATCHERS, &[], problems);
        if table.entries.is_empty() {
            problems
                .bad_value(span, format!("`{}` is empty", table.name))
                .advise("to let it be anything, write `{ any = true }`");
            return None;
        }
        if let Some(any) = table.get("any") {
            let others = table.entries.len() > 1;
            return match table.flag("any", problems)? {
                true if others => {
                    let message = "what may be anything has no other matcher";
                    problems.bad_value(&any.span, message);
                    None
                }
                true => Some(Matcher::Any),
                false => {
                    problems
                        .bad_value(&any.value.span(), "`any = false` would fit nothing")
                        .advise("leave it out, or write `any = true`");
                    None
                }
            };
        }
        let before = problems.count();
        let within = Within {
            prefix: self.prefix(table, problems),
            min: self.bound(table, "min", problems),
            max: self.bound(table, "max", problems),
            max_bytes: self.max_bytes(table, problems),
        };
        if let (Some(min), Some(max)) = (&within.min, &within.max)
            && exceeds(min, max)
        {
            let message = format!("`min` is {min} and `max` is {max}, so nothing fits");
            problems.bad_value(span, message);
        }
        let good = problems.count() == before && within != Within::default();
        good.then_some(Matcher::Within(within))
    }

    fn prefix(&self, table: &Table<'_>, problems: &mut Problems) -> Option<String> {
        let entry = table.get("prefix")?;
        if !matches!(self.shape, Shape::String) {
            self.unfit(entry, "a `string`", problems);
            return None;
        }
        let prefix = table.text("prefix", problems)?;
        if prefix.text.is_empty() {
            problems
                .bad_value(&prefix.span, format!("`{}` is empty", table.path("prefix")))
                .advise("to let it be anything, write `{ any = true }`");
            return None;
        }
        Some(prefix.text)
    }

    fn bound(&self, table: &Table<'_>, key: &str, problems: &mut Problems) -> Option<Scalar> {
        let entry = table.get(key)?;
        if !self.is_number() {
            self.unfit(entry, "a number", problems);
            return None;
        }
        self.scalar(&entry.value, problems)
    }

    fn max_bytes(&self, table: &Table<'_>, problems: &mut Problems) -> Option<u64> {
        let entry = table.get("max-bytes")?;
        if !matches!(self.shape, Shape::String) && !self.is_bytes() {
            self.unfit(entry, "a `string` or a `list<u8>`", problems);
            return None;
        }
        let number = match entry.value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            let message = format!("`{}` is not a number of bytes", table.path("max-bytes"));
            problems
                .bad_value(&entry.value.span(), message)
                .advise("a whole number: `max-bytes = 4096`");
        }
        number
    }

    /// Reports a matcher that the argument's type does not have.
    fn unfit(&self, entry: &Entry<'_>, what: &str, problems: &mut Problems) {
        let message = format!(
            "`{}` is for {what}, and `{}` is `{}`",
            entry.key, self.name, self.shape
        );
        problems.bad_value(&entry.span, message);
    }
}

/// Reads a number as the JSON of an argument is read, so that the same digits are the same number.
fn float(
    digits: &str,
    of: fn(f64) -> Option<Scalar>,
    span: &Span,
    problems: &mut Problems,
) -> Option<Scalar> {
    let number = digits.parse().ok();
    let scalar = number
        .filter(|number: &f64| number.is_finite())
        .and_then(of);
    if scalar.is_none() {
        problems.bad_value(span, format!("`{digits}` is not a finite number"));
    }
    scalar
}

fn single(number: f64) -> Option<Scalar> {
    narrowed(number).map(Scalar::F32)
}

fn double(number: f64) -> Option<Scalar> {
    Some(Scalar::F64(number))
}

fn exceeds(min: &Scalar, max: &Scalar) -> bool {
    match (min, max) {
        (Scalar::F32(min), Scalar::F32(max)) => min > max,
        (Scalar::F64(min), Scalar::F64(max)) => min > max,
        (Scalar::Integer(min), Scalar::Integer(max)) => min > max,
        _ => false,
    }
}
