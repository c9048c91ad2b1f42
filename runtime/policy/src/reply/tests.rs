//! Tests of reading replies.

use super::*;
use crate::testing::made::{cases, giving, list, option, pointer};

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn read_at(
    operation: &Operation,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<String, ReplyError> {
    let headers = headers.iter().map(|(name, value)| {
        let name = HeaderName::try_from(*name).expect("a name");
        (name, value.parse().expect("a value"))
    });
    let now = SystemTime::UNIX_EPOCH + NOW;
    operation.read_reply(status, &headers.collect(), body.as_bytes(), now)
}

#[track_caller]
fn result(shape: Shape, body: &str) -> String {
    read_at(&giving(shape), 200, &[], body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[track_caller]
fn misfit(shape: Shape, body: &str) -> String {
    match read_at(&giving(shape), 200, &[], body) {
        Err(ReplyError::Invalid(message)) => message,
        other => panic!("{body}: {other:?}"),
    }
}

fn field(name: &str, shape: Shape, at: &str) -> Field {
    Field {
        at: Some(pointer(at)),
        ..Field::new(name, shape)
    }
}

fn issue() -> Shape {
    Shape::Record(vec![
        Field::new("number", Shape::U32),
        field("labels", list(Shape::String), "/labels/*/name"),
        Field {
            text: true,
            ..field("id", Shape::String, "/id")
        },
        Field {
            key: "html_url".to_owned(),
            ..Field::new("html-url", option(Shape::String))
        },
        field("author", option(Shape::String), "/user/login"),
    ])
}

#[test]
fn a_reply_is_read_by_the_names_of_the_wit_and_the_rest_of_it_ignored() {
    let body = r#"[{"number":7,"labels":[{"name":"a","color":"x"},{"name":"b"}],"id":12,
        "html_url":"u","user":{"login":"ada","id":1},"more":{"deep":[1]}},
        {"number":8,"labels":[],"id":"text","html_url":null,"user":null}]"#;
    assert_eq!(
        result(list(issue()), body),
        concat!(
            r#"[{"number":7,"labels":["a","b"],"id":"12","html-url":"u","author":"ada"},"#,
            r#"{"number":8,"labels":[],"id":"text"}]"#
        )
    );
}

#[test]
fn what_does_not_fit_is_named_by_its_place_and_not_quoted() {
    for (body, message) in [
        (
            r#"[{"number":7,"labels":[{"name":"a"},{"name":5}],"id":1}]"#,
            "`[0].labels[1]`: expected a string, found a number",
        ),
        (
            r#"[{"number":7,"labels":["secret"],"id":1}]"#,
            "`[0].labels[0]` is missing",
        ),
        (r#"[{"number":7,"id":1}]"#, "`[0].labels` is missing"),
        (
            r#"[{"number":7,"labels":null,"id":1}]"#,
            "`[0].labels` is missing",
        ),
        (
            r#"[{"number":7,"labels":{"0":1},"id":1}]"#,
            "`[0].labels`: expected a list, found an object",
        ),
        (
            r#"[{"number":7,"labels":[],"id":1.5}]"#,
            "`[0].id`: expected a string, found a number",
        ),
        (
            r#"[{"number":4294967296,"labels":[],"id":1}]"#,
            "`[0].number`: expected a whole number from 0 to 4294967295, found another number",
        ),
        (
            r#"[{"number":-1,"labels":[],"id":1}]"#,
            "`[0].number`: expected a whole number from 0 to 4294967295, found another number",
        ),
        (
            r#"[{"number":"secret","labels":[],"id":1}]"#,
            "`[0].number`: expected a whole number from 0 to 4294967295, found a string",
        ),
        (r#"[{"labels":[],"id":1}]"#, "`[0].number` is missing"),
        (
            r#"[{"number":7,"labels":[],"id":1,"user":{"login":true}}]"#,
            "`[0].author`: expected a string, found a boolean",
        ),
        (r#"["secret"]"#, "`[0]`: expected an object, found a string"),
        (
            r#"{"message":"secret"}"#,
            "the result: expected a list, found an object",
        ),
        ("null", "the result: expected a list, found null"),
        (
            "secret",
            "the reply is not JSON: expected value at line 1 column 1",
        ),
        (
            "",
            "the reply is not JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "[] x",
            "the reply is not JSON: trailing characters at line 1 column 4",
        ),
    ] {
        assert_eq!(misfit(list(issue()), body), message, "{body}");
    }
}

#[test]
fn every_type_is_read() {
    for (shape, body, expected) in [
        (Shape::Bool, "true", "true"),
        (Shape::Char, "\"é\"", "\"é\""),
        (Shape::String, "\"a\\u0000\"", "\"a\\u0000\""),
        (Shape::U64, "18446744073709551615", "18446744073709551615"),
        (Shape::S64, "-9223372036854775808", "-9223372036854775808"),
        (Shape::F64, "0.30000000000000004", "0.30000000000000004"),
        (Shape::F64, "3", "3.0"),
        (Shape::F32, "0.1", "0.1"),
        (option(Shape::U8), "null", "null"),
        (
            cases(&["open", "not-planned"]),
            "\"not_planned\"",
            "\"not-planned\"",
        ),
        (
            Shape::Tuple(vec![Shape::U8, Shape::String]),
            "[1,\"x\"]",
            "[1,\"x\"]",
        ),
        (list(list(Shape::U8)), "[\"AAE=\"]", "[\"AAE=\"]"),
    ] {
        assert_eq!(result(shape, body), expected, "{body}");
    }
    for (shape, body, message) in [
        (
            Shape::Char,
            "\"ab\"",
            "the result: expected one character, found a string",
        ),
        (
            Shape::F32,
            "1e39",
            "the result: expected a number, found a number",
        ),
        (
            Shape::U8,
            "1.0",
            "the result: expected a whole number from 0 to 255, found another number",
        ),
        (
            cases(&["not-planned"]),
            "\"not-planned\"",
            "the result: expected one of \"not-planned\", found another string",
        ),
        (
            Shape::Tuple(vec![Shape::U8]),
            "[1,2]",
            "the result: expected a list of 1, found a list",
        ),
        (
            list(list(Shape::U8)),
            "[\"A\"]",
            "`[0]`: expected base64, found a string",
        ),
        (
            list(list(Shape::U8)),
            "[[1]]",
            "`[0]`: expected base64, found a list",
        ),
        (
            Shape::Flags(vec![]),
            "1",
            "the result: expected what JSON cannot carry, found a number",
        ),
    ] {
        assert_eq!(misfit(shape, body), message, "{body}");
    }
}

#[test]
fn bytes_are_the_whole_body_whatever_it_is() {
    let now = SystemTime::UNIX_EPOCH;
    let bytes = giving(list(Shape::U8));
    let read = bytes.read_reply(200, &HeaderMap::new(), &[0, 255, b'"'], now);
    assert_eq!(read, Ok("\"AP8i\"".to_owned()));
    assert_eq!(read_at(&bytes, 200, &[], ""), Ok("\"\"".to_owned()));
    let text = giving(Shape::String);
    let read = text.read_reply(200, &HeaderMap::new(), &[b'"', 255, b'"'], now);
    assert!(matches!(read, Err(ReplyError::Invalid(_))));
}

#[test]
fn an_operation_that_gives_nothing_ignores_the_body() {
    let mut nothing = giving(Shape::Bool);
    nothing.signature.result = Some(Shape::Result(None, None));
    for (status, body) in [(204, ""), (200, "not JSON"), (299, "{}")] {
        assert_eq!(read_at(&nothing, status, &[], body), Ok("null".to_owned()));
    }
}

#[test]
fn the_value_of_a_reply_is_where_its_pointer_leads() {
    let mut operation = giving(Shape::String);
    operation.reply.value = pointer("/choices/0/text");
    let body = r#"{"choices":[{"text":"x"},{"text":"y"}]}"#;
    assert_eq!(read_at(&operation, 200, &[], body), Ok("\"x\"".to_owned()));
    for body in [r#"{"choices":[]}"#, "{}", "[]", "null", "1"] {
        let error = ReplyError::Invalid("the result is missing".to_owned());
        assert_eq!(read_at(&operation, 200, &[], body), Err(error), "{body}");
    }
    let mut bytes = giving(list(Shape::U8));
    bytes.reply.value = pointer("/data");
    let read = read_at(&bytes, 200, &[], r#"{"data":"AAE="}"#);
    assert_eq!(read, Ok("\"AAE=\"".to_owned()));
}

#[test]
fn a_failure_says_what_the_api_says() {
    let mut operation = giving(Shape::Bool);
    operation.reply.message = vec![pointer("/error/message"), pointer("/message")];
    let message = |status, body: &str| match read_at(&operation, status, &[], body) {
        Err(ReplyError::Upstream {
            message,
            retry_after: None,
        }) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message(404, r#"{"message":"gone"}"#), "gone");
    assert_eq!(
        message(404, r#"{"message":"b","error":{"message":"a"}}"#),
        "a"
    );
    assert_eq!(
        message(404, r#"{"message":"b","error":{"message":1}}"#),
        "b"
    );
    assert_eq!(
        message(404, r#"{"message":" "}"#),
        "the API answered 404 Not Found"
    );
    assert_eq!(message(302, ""), "the API answered 302 Found");
    assert_eq!(
        message(500, "<html>"),
        "the API answered 500 Internal Server Error"
    );
    assert_eq!(message(599, "[]"), "the API answered 599");
    assert_eq!(
        message(400, r#"{"message":"a\n\u001b[2Jb\u0085"}"#),
        "a  [2Jb"
    );
    let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(1000));
    assert_eq!(message(400, &long), "é".repeat(512));
    let odd = format!(r#"{{"message":"x{}"}}"#, "é".repeat(1000));
    assert_eq!(message(400, &odd).len(), 1023);
}

#[test]
fn the_wait_is_the_one_that_the_api_asks_for() {
    let mut operation = giving(Shape::Bool);
    operation.reply.retry_after_ms = Some(pointer("/retry_after_ms"));
    operation.reply.reset = Some(HeaderName::from_static("x-ratelimit-reset"));
    let wait = |status, headers: &[(&str, &str)], body: &str| match read_at(
        &operation, status, headers, body,
    ) {
        Err(ReplyError::Upstream { retry_after, .. }) => retry_after.map(|d| d.as_millis()),
        other => panic!("{other:?}"),
    };
    let body = r#"{"retry_after_ms":1500}"#;
    let after = |text| ("retry-after", text);
    let reset = ("x-ratelimit-reset", "1700000060");
    assert_eq!(wait(429, &[], ""), None);
    assert_eq!(wait(429, &[after("7"), reset], body), Some(1500));
    assert_eq!(wait(429, &[after("7"), reset], "{}"), Some(7000));
    assert_eq!(
        wait(429, &[reset], r#"{"retry_after_ms":-1}"#),
        Some(60_000)
    );
    assert_eq!(
        wait(503, &[after("Tue, 14 Nov 2023 22:13:30 GMT")], ""),
        Some(10_000)
    );
    assert_eq!(
        wait(503, &[after("Tue, 14 Nov 2023 22:13:10 GMT")], ""),
        Some(0)
    );
    assert_eq!(wait(503, &[after("soon")], ""), None);
    assert_eq!(
        wait(429, &[("x-ratelimit-reset", "1699999999")], ""),
        Some(0)
    );
    assert_eq!(wait(429, &[("x-ratelimit-reset", "-5")], ""), None);
    for text in ["4294968", "18446744073709551615"] {
        assert_eq!(wait(429, &[after(text)], ""), Some(u32::MAX.into()));
        assert_eq!(
            wait(429, &[("x-ratelimit-reset", "9000000000000")], ""),
            Some(u32::MAX.into())
        );
    }
    assert_eq!(
        wait(429, &[("x-ratelimit-reset", "18446744073709551615")], ""),
        None
    );
}

#[test]
fn a_reset_counts_only_where_the_limit_is_why_the_api_refused() {
    let mut operation = giving(Shape::Bool);
    operation.reply.reset = Some(HeaderName::from_static("x-ratelimit-reset"));
    let waits = |status, left: Option<&str>| {
        let mut headers = vec![("x-ratelimit-reset", "1700000060")];
        headers.extend(left.map(|left| ("x-ratelimit-remaining", left)));
        match read_at(&operation, status, &headers, "") {
            Err(ReplyError::Upstream { retry_after, .. }) => retry_after.is_some(),
            other => panic!("{other:?}"),
        }
    };
    for (status, left, expected) in [
        (429, None, true),
        (403, Some("0"), true),
        (503, Some("0"), true),
        (403, Some("4999"), false),
        (429, Some("12"), false),
        (404, Some("0"), false),
        (404, None, false),
        (500, None, false),
    ] {
        assert_eq!(waits(status, left), expected, "{status} {left:?}");
    }
}

#[test]
fn a_reply_of_countless_values_is_refused_before_it_is_built() {
    let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
    assert_eq!(
        misfit(list(Shape::U16), &many),
        "the reply holds more than 1048576 values"
    );
    let text = format!("\"{}\\\"\"", ",".repeat(2 * MOST_VALUES));
    assert_eq!(result(Shape::String, &text), text);
    assert_eq!(values(br#"{"a\\":[1,",\"["],"b":{}}"#), (2, 4));
}

#[test]
fn a_list_where_none_is_expected_and_a_reply_too_deep_are_refused() {
    let record = Shape::Record(vec![field("name", Shape::String, "/all/*/name")]);
    assert_eq!(
        misfit(record, r#"{"all":[{"name":"x"}]}"#),
        "`name`: expected a string, found a list"
    );
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(
        misfit(list(Shape::U16), &deep),
        "the reply is not JSON: recursion limit exceeded at line 1 column 128"
    );
}

#[test]
fn a_list_that_may_be_absent_is_collected_where_it_is_there() {
    let record = || Shape::Record(vec![field("names", option(list(Shape::String)), "/a/*/b")]);
    assert_eq!(
        result(record(), r#"{"a":[{"b":"x"}]}"#),
        r#"{"names":["x"]}"#
    );
    assert_eq!(result(record(), r#"{"a":null}"#), "{}");
    assert_eq!(result(record(), "{}"), "{}");
}

/// A record of `count` fields, none of which has to be there.
fn of_options(count: usize) -> Shape {
    let fields = (0..count).map(|at| Field::new(format!("f{at}"), option(Shape::String)));
    Shape::Record(fields.collect())
}

#[test]
fn absent_values_count_like_any_other() {
    let empty = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    assert_eq!(result(list(of_options(200)), &empty(5000)), empty(5000));
    assert_eq!(
        misfit(list(of_options(200)), &empty(520_000)),
        "the result makes more than 1048576 values"
    );
}

#[test]
fn a_text_that_is_read_many_times_counts_each_time() {
    let fields = (0..9).map(|at| field(&format!("f{at}"), Shape::String, "/a"));
    let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(
        misfit(Shape::Record(fields.collect()), &body),
        "the result is larger than 16 MiB"
    );
    // Names of a type can be longer than those of the API.
    let long = Field::new("n".repeat(100), Shape::U8);
    let item = Shape::Record(vec![Field {
        key: "a".to_owned(),
        ..long
    }]);
    let body = format!(r#"[{}{{"a":1}}]"#, r#"{"a":1},"#.repeat(200_000));
    assert_eq!(
        misfit(list(item), &body),
        "the result is larger than 16 MiB"
    );
}
