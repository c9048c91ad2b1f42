//! Tests of reading arguments.

use super::*;
use crate::shape::Field;
use crate::testing::made::{cases, list, operation, option, taking};
use crate::value::{Names, Written};

/// What `{"a": JSON}` is refused with, for an argument of this type.
#[track_caller]
fn refused(shape: Shape, json: &str) -> String {
    let operation = taking([shape]);
    let read = read_arguments(&operation, &format!("{{\"a\":{json}}}"));
    match read {
        Ok(arguments) => panic!("{json} is read: {arguments:?}"),
        Err(refusal) => {
            assert_eq!(refusal.code, Code::BAD_ARGUMENTS);
            refusal.message
        }
    }
}

#[track_caller]
fn refused_whole(operation: &Operation, json: &str) -> String {
    match read_arguments(operation, json) {
        Ok(arguments) => panic!("{json} is read: {arguments:?}"),
        Err(refusal) => refusal.message,
    }
}

/// What `{"a": JSON}` is written as by the names of the WIT, and by those of the API.
#[track_caller]
fn read(shape: Shape, json: &str) -> (String, String) {
    let operation = taking([shape]);
    let arguments = match read_arguments(&operation, &format!("{{\"a\":{json}}}")) {
        Ok(arguments) => arguments,
        Err(refusal) => panic!("{json}: {}", refusal.message),
    };
    let (shape, value) = arguments.find("a").expect("the argument");
    let write = |names| {
        let written = Written {
            shape,
            value,
            names,
        };
        serde_json::to_string(&written).expect("JSON")
    };
    (write(Names::Wit), write(Names::Api))
}

fn person() -> Shape {
    let mut given = Field::new("given-name", Shape::String);
    given.key = "given_name".to_owned();
    Shape::Record(vec![given, Field::new("age", option(Shape::U8))])
}

#[test]
fn every_type_is_read_and_written_as_it_came() {
    for (shape, json) in [
        (Shape::Bool, "true"),
        (Shape::Char, "\"ß\""),
        (Shape::String, r#""a\"b\\c\u0001 \u2028😀""#),
        (Shape::String, "\"\""),
        (Shape::U64, "18446744073709551615"),
        (Shape::S64, "-9223372036854775808"),
        (Shape::S8, "-128"),
        (Shape::U8, "255"),
        (Shape::F64, "0.30000000000000004"),
        (Shape::F64, "5e-324"),
        (Shape::F32, "0.1"),
        (list(Shape::U8), "\"AAH/\""),
        (list(Shape::U8), "\"\""),
        (list(Shape::U16), "[1,2,3]"),
        (list(option(Shape::U16)), "[1,null]"),
        (option(Shape::U16), "null"),
        (option(Shape::U16), "7"),
        (Shape::Tuple(vec![Shape::U8, Shape::String]), "[1,\"x\"]"),
        (cases(&["open", "not-planned"]), "\"not-planned\""),
        (list(person()), r#"[{"given-name":"Ada"}]"#),
    ] {
        let json = json.replace("\\u2028", "\u{2028}");
        assert_eq!(read(shape, &json).0, json);
    }
}

#[test]
fn the_api_gets_its_own_names_and_no_absent_field() {
    let (_, api) = read(list(person()), r#"[{"given-name":"Ada"}]"#);
    assert_eq!(api, r#"[{"given_name":"Ada"}]"#);
    let (_, api) = read(person(), r#"{"age":3,"given-name":"Ada"}"#);
    assert_eq!(api, r#"{"given_name":"Ada","age":3}"#);
    let (_, api) = read(cases(&["not-planned"]), "\"not-planned\"");
    assert_eq!(api, "\"not_planned\"");
}

#[test]
fn a_whole_number_is_also_a_float_and_a_float_no_whole_number() {
    assert_eq!(read(Shape::F64, "3").0, "3.0");
    for json in ["3.0", "3e0", "-0", "0.5", "18446744073709551616"] {
        assert_eq!(
            refused(Shape::U64, json),
            "`a`: expected a whole number from 0 to 18446744073709551615, found a number",
            "{json}"
        );
    }
}

#[test]
fn a_number_out_of_range_is_refused() {
    for (shape, json, message) in [
        (Shape::U8, "256", "from 0 to 255, found 256"),
        (Shape::U8, "-1", "from 0 to 255, found -1"),
        (Shape::S8, "128", "from -128 to 127, found 128"),
        (Shape::U16, "65536", "from 0 to 65535, found 65536"),
        (Shape::S16, "-32769", "from -32768 to 32767, found -32769"),
        (
            Shape::U32,
            "4294967296",
            "from 0 to 4294967295, found 4294967296",
        ),
        (
            Shape::S32,
            "2147483648",
            "from -2147483648 to 2147483647, found 2147483648",
        ),
        (
            Shape::S64,
            "9223372036854775808",
            "from -9223372036854775808 to 9223372036854775807, found 9223372036854775808",
        ),
    ] {
        let message = format!("`a`: expected a whole number {message}");
        assert_eq!(refused(shape, json), message);
    }
    assert_eq!(
        refused(Shape::F32, "3.5e38"),
        "`a`: expected a number, found one beyond the largest `f32`"
    );
    assert_eq!(
        refused(Shape::F64, "1e400"),
        "`a`: number out of range at line 1 column 10"
    );
}

#[test]
fn a_value_of_another_type_is_refused_by_its_path_and_not_quoted() {
    let labels = || list(Shape::String);
    for (shape, json, message) in [
        (
            labels(),
            r#"["x","y",7]"#,
            "`a[2]`: expected a string, found a number",
        ),
        (
            labels(),
            r#"["x",["y"]]"#,
            "`a[1]`: expected a string, found a list",
        ),
        (labels(), r#""x""#, "`a`: expected a list, found a string"),
        (labels(), "null", "`a`: expected a list, found null"),
        (
            Shape::Bool,
            "1",
            "`a`: expected `true` or `false`, found a number",
        ),
        (
            Shape::String,
            "true",
            "`a`: expected a string, found a boolean",
        ),
        (
            Shape::String,
            "{}",
            "`a`: expected a string, found an object",
        ),
        (
            Shape::U8,
            "\"1\"",
            "`a`: expected a whole number from 0 to 255, found a string",
        ),
        (
            Shape::Char,
            "\"ab\"",
            "`a`: expected one character, found a string",
        ),
        (
            Shape::Char,
            "\"\"",
            "`a`: expected one character, found a string",
        ),
    ] {
        assert_eq!(refused(shape, json), message);
    }
}

#[test]
fn a_value_that_is_nearly_of_its_type_is_refused() {
    for (shape, json, message) in [
        (list(Shape::U8), "[1]", "`a`: expected base64, found a list"),
        (
            list(Shape::U8),
            "\"AA\"",
            "`a`: expected base64, found a string that is not",
        ),
        (
            list(Shape::U8),
            "\"AB==\"",
            "`a`: expected base64, found a string that is not",
        ),
        (
            list(Shape::U8),
            "\"AA==\\n\"",
            "`a`: expected base64, found a string that is not",
        ),
        (
            cases(&["open", "closed"]),
            "\"opne\"",
            "`a`: expected one of \"open\", \"closed\", found \"opne\"",
        ),
        (
            list(person()),
            r#"[{"given-name":"A"},{"given-name":1}]"#,
            "`a[1].given-name`: expected a string, found a number",
        ),
        (
            Shape::Tuple(vec![Shape::U8, Shape::U8]),
            "[1]",
            "`a`: expected a list of 2, found a shorter one",
        ),
        (
            Shape::Tuple(vec![Shape::U8, Shape::U8]),
            "[1,2,3]",
            "`a`: expected a list of 2, found a longer one",
        ),
        (
            Shape::Flags(vec![]),
            "[]",
            "`a`: expected what JSON cannot carry, found a list",
        ),
    ] {
        assert_eq!(refused(shape, json), message);
    }
    let long = format!("\"{}\"", "x".repeat(65));
    assert_eq!(
        refused(cases(&["open"]), &long),
        "`a`: expected one of \"open\", found another string"
    );
    assert_eq!(
        refused(cases(&["open"]), r#""\u0007""#),
        "`a`: expected one of \"open\", found \"\\u{7}\""
    );
}

#[test]
fn an_argument_that_is_unknown_missing_or_there_twice_is_refused() {
    let operation = operation(vec![
        Field::new("owner", Shape::String),
        Field::new("author", option(person())),
    ]);
    for (json, message) in [
        (
            r#"{"owner":"a","ownr":"b"}"#,
            "make has no argument `ownr`; did you mean `owner`?",
        ),
        (r#"{"owner":"a","p":{}}"#, "make has no argument `p`"),
        (r#"{}"#, "`owner` is missing"),
        (r#"{"owner":"a","owner":"a"}"#, "`owner` is there twice"),
        (
            r#"{"owner":"a","own\u0065r":"a"}"#,
            "`owner` is there twice",
        ),
        (
            r#"{"owner":"a","author":null,"author":null}"#,
            "`author` is there twice",
        ),
        (
            r#"{"owner":"a","author":{"given-name":"x","age":1,"age":2}}"#,
            "`author.age` is there twice",
        ),
        (
            r#"{"owner":"a","author":{"given_name":"x"}}"#,
            "`author` has no field `given_name`; did you mean `given-name`?",
        ),
        (
            r#"{"owner":"a","author":{}}"#,
            "`author.given-name` is missing",
        ),
    ] {
        assert_eq!(refused_whole(&operation, json), message, "{json}");
    }
    let long = format!(r#"{{"{}":1}}"#, "\\u0007".repeat(70));
    let message = refused_whole(&operation, &long);
    assert_eq!(
        message,
        format!("make has no argument `{}…`", "\\u{7}".repeat(64))
    );
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    let operation = taking([Shape::String]);
    for (json, message) in [
        (
            "",
            "the arguments: not JSON: EOF while parsing a value at line 1 column 0",
        ),
        ("[]", "the arguments: expected an object, found a list"),
        ("null", "the arguments: expected an object, found null"),
        ("\"a\"", "the arguments: expected an object, found a string"),
        (
            r#"{"a":"x"} {}"#,
            "the arguments: not JSON: trailing characters at line 1 column 11",
        ),
        (
            r#"{"a":"x"},"#,
            "the arguments: not JSON: trailing characters at line 1 column 10",
        ),
        (
            r#"{"a":"x",}"#,
            "the arguments: not JSON: trailing comma at line 1 column 10",
        ),
        (
            r#"{"a":}"#,
            "`a`: not JSON: expected value at line 1 column 6",
        ),
        (
            r#"{a:"x"}"#,
            "the arguments: not JSON: key must be a string at line 1 column 2",
        ),
        (
            "\u{feff}{}",
            "the arguments: not JSON: expected value at line 1 column 1",
        ),
        (
            r#"{"a":NaN}"#,
            "`a`: not JSON: expected value at line 1 column 6",
        ),
    ] {
        assert_eq!(refused_whole(&operation, json), message, "{json}");
    }
}

#[test]
fn a_string_that_is_no_unicode_text_is_refused() {
    const HALF: &str = "half of a surrogate pair, which is no character,";
    for (json, message) in [
        (r#""\ud800""#, HALF),
        (r#""\ud800x""#, HALF),
        (r#""\udc00""#, HALF),
        (r#""\ud800\ud800""#, HALF),
        (
            "\"a\nb\"",
            "not JSON: control character (\\u0000-\\u001F) found while parsing a string",
        ),
        (r#""\x""#, "not JSON: invalid escape"),
    ] {
        let found = refused(Shape::String, json);
        let start = format!("`a`: {message} at line ");
        assert!(found.starts_with(&start), "{json}: {found}");
    }
    let found = refused_whole(&taking([Shape::String]), r#"{"\ud800":1}"#);
    assert!(found.starts_with("the arguments: "), "{found}");
}

#[test]
fn arguments_that_are_nested_too_deep_are_refused() {
    let deep = |levels: usize| (0..levels).fold(Shape::Bool, |inner, _| list(inner));
    let json = |levels: usize| format!("{}true{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(read(deep(63), &json(63)).0, json(63));
    assert_eq!(
        refused(deep(64), &json(64)),
        "the arguments are nested deeper than 64 levels"
    );
    assert_eq!(
        refused(Shape::String, &"[".repeat(100_000)),
        "`a`: expected a string, found a list"
    );
}

#[test]
fn an_operation_without_arguments_takes_an_empty_object_alone() {
    let operation = operation(Vec::new());
    assert!(read_arguments(&operation, " {} ").is_ok());
    assert_eq!(
        refused_whole(&operation, r#"{"a":1}"#),
        "make has no argument `a`"
    );
}

#[test]
fn absent_values_count_like_any_other() {
    let fields = (0..200).map(|at| Field::new(format!("f{at}"), option(Shape::String)));
    let shape = || list(Shape::Record(fields.clone().collect()));
    let empty = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    assert_eq!(read(shape(), &empty(5000)).0, empty(5000));
    assert_eq!(
        refused(shape(), &empty(300_000)),
        "the arguments make more than 1048576 values"
    );
}
