//! Whether two types are one type to a component, and if not, where they differ.

use crate::shape::{Field, Shape, Signature};

impl Signature {
    /// Where the other function differs from this one, as far as a component can tell: `this has`
    /// and `the other has`. The names of records do not count, nor do names in an API's JSON.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.params.len() != other.params.len() {
            let (one, two) = (self.params.len(), other.params.len());
            let word = if one == 1 { "parameter" } else { "parameters" };
            return Some(format!("it has {one} {word}, not {two}"));
        }
        for ((name, shape), (other_name, other_shape)) in self.params.iter().zip(&other.params) {
            if name != other_name {
                return Some(format!(
                    "a parameter is called `{name}`, not `{other_name}`"
                ));
            }
            if let Some(difference) = differ(name, shape, other_shape) {
                return Some(difference);
            }
        }
        match (&self.result, &other.result) {
            (None, None) => None,
            (Some(one), Some(other)) => differ("the result", one, other),
            (Some(one), None) => Some(format!("it gives `{}`, not nothing", brief(one))),
            (None, Some(other)) => Some(format!("it gives nothing, not `{}`", brief(other))),
        }
    }
}

/// How the type at `path` differs from the other.
fn differ(path: &str, one: &Shape, other: &Shape) -> Option<String> {
    use Shape::{Enum, Flags, List, Option as Maybe, Record, Result, Tuple, Variant};
    let unequal = || {
        let (one, other) = (brief(one), brief(other));
        Some(format!("{} is `{one}`, not `{other}`", quoted(path)))
    };
    match (one, other) {
        (List(one), List(other)) | (Maybe(one), Maybe(other)) => differ(path, one, other),
        (Record(one), Record(other)) => records(path, one, other),
        (Tuple(one), Tuple(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .find_map(|(one, other)| differ(path, one, other)),
        (Enum(one), Enum(other)) => {
            let same = one
                .iter()
                .map(|case| &case.name)
                .eq(other.iter().map(|case| &case.name));
            if same { None } else { unequal() }
        }
        (Flags(one), Flags(other)) if one == other => None,
        (Variant(these), Variant(those)) => {
            let names = |cases: &[(String, std::option::Option<Shape>)]| {
                cases
                    .iter()
                    .map(|(name, shape)| (name.clone(), shape.is_some()))
                    .collect::<Vec<_>>()
            };
            if names(these) != names(those) {
                return unequal();
            }
            these
                .iter()
                .zip(those)
                .find_map(|((name, one), (_, other))| {
                    differ(&step(path, name), one.as_ref()?, other.as_ref()?)
                })
        }
        (Result(good, bad), Result(other_good, other_bad)) => {
            if good.is_some() != other_good.is_some() || bad.is_some() != other_bad.is_some() {
                return unequal();
            }
            let pairs = [(good, other_good), (bad, other_bad)];
            pairs
                .into_iter()
                .find_map(|(one, other)| differ(path, one.as_ref()?, other.as_ref()?))
        }
        (Shape::Other(_), _) | (_, Shape::Other(_)) => unequal(),
        _ if is_leaf(one) && std::mem::discriminant(one) == std::mem::discriminant(other) => None,
        _ => unequal(),
    }
}

fn records(path: &str, one: &[Field], other: &[Field]) -> Option<String> {
    let names = |fields: &[Field]| {
        let names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
        names
    };
    let (these, those) = (names(one), names(other));
    if let Some(more) = these.iter().find(|name| !those.contains(name)) {
        return Some(format!("{} has a field `{more}`", quoted(path)));
    }
    if let Some(less) = those.iter().find(|name| !these.contains(name)) {
        return Some(format!("{} has no field `{less}`", quoted(path)));
    }
    if these != those {
        return Some(format!("{} has its fields in another order", quoted(path)));
    }
    one.iter()
        .zip(other)
        .find_map(|(one, other)| differ(&step(path, &one.name), &one.shape, &other.shape))
}

fn is_leaf(shape: &Shape) -> bool {
    matches!(
        shape,
        Shape::Bool
            | Shape::Char
            | Shape::F32
            | Shape::F64
            | Shape::S8
            | Shape::S16
            | Shape::S32
            | Shape::S64
            | Shape::String
            | Shape::U8
            | Shape::U16
            | Shape::U32
            | Shape::U64
    )
}

/// A type as WIT writes it, cut where it is longer than anybody reads.
fn brief(shape: &Shape) -> String {
    let text = shape.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The most characters of a type in a message.
const LONGEST: usize = 160;

fn step(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}

/// A path for people; one that starts in words stays words.
fn quoted(path: &str) -> String {
    match path.strip_prefix("the result") {
        Some("") => path.to_owned(),
        Some(rest) => format!("`{}` of the result", rest.trim_start_matches('.')),
        None => format!("`{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Case;

    fn record(fields: &[(&str, Shape)]) -> Shape {
        let fields = fields
            .iter()
            .map(|(name, shape)| Field::new(*name, shape.clone()));
        Shape::Record(fields.collect())
    }

    fn function(params: Shape, result: Shape) -> Signature {
        Signature::new(vec![("p".to_owned(), params)], Some(result))
    }

    fn good(shape: Shape) -> Shape {
        let error = Shape::Variant(vec![
            (
                "denied".to_owned(),
                Some(record(&[("code", Shape::String)])),
            ),
            ("unavailable".to_owned(), None),
        ]);
        Shape::Result(Some(Box::new(shape)), Some(Box::new(error)))
    }

    #[test]
    fn types_that_differ_are_told_apart_and_told_where() {
        let list = |shape| Shape::List(Box::new(shape));
        let base = record(&[("owner", Shape::String), ("number", Shape::U32)]);
        let one = function(base.clone(), good(list(base.clone())));
        let cases = [
            (
                function(Shape::String, good(list(base.clone()))),
                "`p` is `record { owner: string, number: u32 }`, not `string`",
            ),
            (
                function(
                    record(&[("owner", Shape::String), ("number", Shape::U64)]),
                    good(list(base.clone())),
                ),
                "`p.number` is `u32`, not `u64`",
            ),
            (
                function(
                    record(&[("owner", Shape::String)]),
                    good(list(base.clone())),
                ),
                "`p` has a field `number`",
            ),
            (
                function(
                    record(&[("number", Shape::U32), ("owner", Shape::String)]),
                    good(list(base.clone())),
                ),
                "`p` has its fields in another order",
            ),
            (
                function(
                    base.clone(),
                    good(list(record(&[("owner", Shape::String)]))),
                ),
                "the result has a field `number`",
            ),
            (
                function(
                    base.clone(),
                    good(list(record(&[
                        ("owner", Shape::Bool),
                        ("number", Shape::U32),
                    ]))),
                ),
                "`owner` of the result is `string`, not `bool`",
            ),
            (
                Signature::new(Vec::new(), Some(good(list(base.clone())))),
                "it has 1 parameter, not 0",
            ),
            (
                Signature::new(
                    vec![("q".to_owned(), base.clone())],
                    Some(good(list(base.clone()))),
                ),
                "a parameter is called `p`, not `q`",
            ),
        ];
        for (other, expected) in cases {
            assert_eq!(one.difference(&other).as_deref(), Some(expected));
            assert!(other.difference(&one).is_some(), "{expected}");
        }
        assert_eq!(one.difference(&one.clone()), None);
    }

    #[test]
    fn a_long_type_is_cut_in_what_is_said() {
        let long = Shape::Tuple(vec![Shape::String; 1000]);
        let one = function(long, Shape::Bool);
        let said = one.difference(&function(Shape::Bool, Shape::Bool));
        let said = said.expect("a difference");
        assert!(
            said.len() < 250 && said.ends_with("…`, not `bool`"),
            "{said}"
        );
    }

    #[test]
    fn names_in_json_make_no_difference() {
        let one = Field::new("a", Shape::Enum(vec![Case::new("x")]));
        let mut other = one.clone();
        other.key = "A".to_owned();
        other.text = true;
        if let Shape::Enum(cases) = &mut other.shape {
            cases[0].key = "X".to_owned();
        }
        let one = function(Shape::Record(vec![one]), Shape::Bool);
        let other = function(Shape::Record(vec![other]), Shape::Bool);
        assert_eq!(one.difference(&other), None);
    }

    #[test]
    fn what_no_connector_can_have_is_never_the_same() {
        let stream = || function(Shape::Other("stream<u8>".to_owned()), Shape::Bool);
        assert!(stream().difference(&stream()).is_some());
    }

    #[test]
    fn a_signature_prints_as_wit_writes_it() {
        let params = record(&[("labels", Shape::List(Box::new(Shape::String)))]);
        let result = Shape::Result(None, Some(Box::new(Shape::Enum(vec![Case::new("no")]))));
        assert_eq!(
            function(params, result).to_string(),
            "func(p: record { labels: list<string> }) -> result<_, enum { no }>"
        );
    }
}
