//! Which matcher lets through nothing that another does not.

use crate::condition::{Matcher, Scalar, Within};

#[test]
fn matchers_hold_what_passes_them() {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let one_of = |texts: &[&str]| Matcher::OneOf(texts.iter().map(|it| text(it)).collect());
    let prefix = |prefix: &str| {
        Matcher::Within(Within {
            prefix: Some(prefix.to_owned()),
            ..Within::default()
        })
    };
    let most = |bytes| {
        Matcher::Within(Within {
            max_bytes: Some(bytes),
            ..Within::default()
        })
    };
    let range = |min: Option<i128>, max: Option<i128>| {
        Matcher::Within(Within {
            min: min.map(Scalar::Integer),
            max: max.map(Scalar::Integer),
            ..Within::default()
        })
    };
    let floats = |min, max| {
        Matcher::Within(Within {
            min: Some(Scalar::F64(min)),
            max: Some(Scalar::F64(max)),
            ..Within::default()
        })
    };
    let number = |number| Matcher::OneOf(vec![Scalar::Integer(number)]);
    for (own, other, expected) in [
        (one_of(&["a"]), Matcher::Any, true),
        (Matcher::Any, one_of(&["a"]), false),
        (Matcher::Any, most(1), false),
        (Matcher::Any, Matcher::Any, true),
        (one_of(&["a"]), one_of(&["b", "a"]), true),
        (one_of(&["a", "c"]), one_of(&["b", "a"]), false),
        (one_of(&["A"]), one_of(&["a"]), false),
        (one_of(&["ab", "ac"]), prefix("a"), true),
        (one_of(&["ab", "ba"]), prefix("a"), false),
        (one_of(&["äö"]), most(4), true),
        (one_of(&["äö"]), most(3), false),
        (prefix("ab"), prefix("a"), true),
        (prefix("a"), prefix("ab"), false),
        (prefix("a"), one_of(&["a"]), false),
        (prefix("a"), most(1), false),
        (most(1), most(2), true),
        (most(2), most(1), false),
        (number(3), range(Some(3), Some(3)), true),
        (number(2), range(Some(3), None), false),
        (number(4), range(None, Some(3)), false),
        (range(Some(2), Some(3)), range(Some(1), Some(4)), true),
        (range(Some(2), None), range(Some(1), Some(4)), false),
        (range(Some(2), Some(5)), range(None, Some(4)), false),
        (range(Some(0), Some(3)), range(Some(1), None), false),
        (floats(0.5, 1.0), floats(0.25, 1.0), true),
        (floats(0.0, 1.0), floats(0.25, 1.0), false),
        (floats(1.0, 1.0), range(Some(0), Some(2)), false),
        (number(1), prefix("1"), false),
        (number(1), most(1), false),
        (one_of(&["1"]), range(Some(0), None), false),
        (
            Matcher::OneOf(vec![Scalar::Bool(true)]),
            Matcher::OneOf(vec![Scalar::Bool(true), Scalar::Bool(false)]),
            true,
        ),
    ] {
        assert_eq!(own.within(&other), expected, "{own:?} in {other:?}");
        assert!(own.within(&own) && other.within(&other));
    }
}
