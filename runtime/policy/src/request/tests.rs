//! Tests of requests made from arguments.

use http::Method;
use serde_json::json;

use super::*;
use crate::operation::Operation;
use crate::shape::Field;
use crate::testing::Random;
use crate::testing::made::{cases, filling, list, operation, option, path, taking};
use crate::value::read_arguments;

#[track_caller]
fn rendered(operation: &Operation, arguments: &str) -> Rendered {
    let arguments = match read_arguments(operation, arguments) {
        Ok(arguments) => arguments,
        Err(refusal) => panic!("{}", refusal.message),
    };
    match operation.request.render(&arguments, 1 << 20) {
        Ok(rendered) => rendered,
        Err(refusal) => panic!("{arguments:?}: {}", refusal.message),
    }
}

#[track_caller]
fn refused(operation: &Operation, arguments: &str) -> String {
    let read = read_arguments(operation, arguments);
    match read.and_then(|arguments| operation.request.render(&arguments, 1 << 20)) {
        Ok(rendered) => panic!("{arguments} makes {rendered:?}"),
        Err(refusal) => {
            assert_eq!(refusal.code, Code::BAD_ARGUMENTS, "{}", refusal.message);
            refusal.message
        }
    }
}

fn arguments(a: &str) -> String {
    json!({ "a": a }).to_string()
}

fn with_path(template: &str) -> Operation {
    let mut operation = taking([Shape::String]);
    operation.request.path = path(template);
    operation
}

fn with_header() -> Operation {
    let mut operation = taking([option(Shape::String)]);
    operation.request.headers = vec![(HeaderName::from_static("x-a"), filling("{a}"))];
    operation
}

fn with_query() -> Operation {
    let mut operation = taking([option(Shape::String)]);
    operation.request.query = vec![
        ("type".to_owned(), filling("all & more")),
        ("a b".to_owned(), filling("{a}")),
    ];
    operation
}

fn with_body(template: serde_json::Value, shapes: Vec<Shape>) -> Operation {
    let mut operation = taking(shapes);
    operation.request.body = Some(BodyTemplate::Json(json_template(template)));
    operation
}

fn json_template(template: serde_json::Value) -> JsonTemplate {
    match template {
        serde_json::Value::String(text) => match filling(&text) {
            Filling::Hole(name) => JsonTemplate::Hole(name),
            Filling::Literal(text) => JsonTemplate::Literal(text.into()),
        },
        serde_json::Value::Array(items) => {
            JsonTemplate::List(items.into_iter().map(json_template).collect())
        }
        serde_json::Value::Object(entries) => JsonTemplate::Object(
            entries
                .into_iter()
                .map(|(key, item)| (key, json_template(item)))
                .collect(),
        ),
        other => JsonTemplate::Literal(other),
    }
}

fn body(rendered: &Rendered) -> &str {
    let body = rendered.body.as_deref().expect("a body");
    std::str::from_utf8(body).expect("UTF-8")
}

#[test]
fn u19_a_segment_is_escaped_and_stays_one_segment() {
    let operation = with_path("/a b/{a}/ü");
    for (text, escaped) in [
        ("plain-._~", "plain-._~"),
        ("!room:host@x", "!room:host@x"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("ß😀", "%C3%9F%F0%9F%98%80"),
        ("...", "..."),
        ("a;b", "a;b"),
        ("{x}", "%7Bx%7D"),
    ] {
        let found = rendered(&operation, &arguments(text)).path;
        assert_eq!(found, format!("/a%20b/{escaped}/%C3%BC"));
    }
}

#[test]
fn u26_what_could_be_read_as_another_path_is_refused() {
    let empty = "`a` makes an empty segment of the path";
    let dots = "`a` makes a dot segment of the path";
    let reserved = "`a` goes into the path and holds `/`, `\\`, `%` or a control character";
    for (text, message) in [
        ("", empty),
        (".", dots),
        ("..", dots),
        (".. ", dots),
        (" ", dots),
        ("..;x", dots),
        (";x", dots),
        ("a/b", reserved),
        ("/", reserved),
        ("../x", reserved),
        ("a\\b", reserved),
        ("%2e%2e", reserved),
        ("100%", reserved),
        ("a\0", reserved),
        ("a\r\nx", reserved),
        ("a\u{7f}", reserved),
        ("a\u{85}", reserved),
    ] {
        assert_eq!(
            refused(&with_path("/x/{a}"), &arguments(text)),
            message,
            "{text:?}"
        );
    }
}

#[test]
fn the_rest_of_a_path_is_split_and_every_segment_held_to_the_same_rules() {
    let operation = with_path("/x/{+a}/y");
    let found = rendered(&operation, &arguments("one/two three/4")).path;
    assert_eq!(found, "/x/one/two%20three/4/y");
    for text in [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a/../b",
        "..",
        "a/.",
        "a/%2e%2e/b",
        "a/..;/b",
        "a\\..\\b",
        "a/\n",
    ] {
        let message = refused(&operation, &arguments(text));
        assert!(message.starts_with("`a` "), "{text:?}: {message}");
    }
}

#[test]
fn a_path_without_holes_is_written_as_the_connector_has_it() {
    let mut operation = operation(Vec::new());
    assert_eq!(rendered(&operation, "{}").path, "/things");
    operation.request.slash = true;
    assert_eq!(rendered(&operation, "{}").path, "/things/");
    operation.request.path = Vec::new();
    assert_eq!(rendered(&operation, "{}").path, "/");
}

#[test]
fn scalars_of_every_kind_fill_a_path() {
    let mut operation = taking([
        Shape::Bool,
        Shape::S16,
        Shape::Char,
        cases(&["not-planned"]),
    ]);
    operation.request.path = path("/{a}/{b}/{c}/{d}");
    let found = rendered(&operation, r#"{"a":true,"b":-7,"c":"é","d":"not-planned"}"#);
    assert_eq!(found.path, "/true/-7/%C3%A9/not_planned");
}

#[test]
fn a_query_is_escaped_and_an_absent_argument_left_out_of_it() {
    let operation = with_query();
    let query = |arguments: &str| rendered(&operation, arguments).query;
    assert_eq!(query("{}").as_deref(), Some("type=all%20%26%20more"));
    assert_eq!(
        query(&arguments("x&y=z+%é/?~;")).as_deref(),
        Some("type=all%20%26%20more&a%20b=x%26y%3Dz%2B%25%C3%A9%2F%3F~%3B")
    );
    assert_eq!(
        query(&arguments("")).as_deref(),
        Some("type=all%20%26%20more&a%20b=")
    );
    for text in ["a\n", "\0", "\u{7f}", "\u{9f}"] {
        let message = refused(&operation, &arguments(text));
        assert_eq!(message, "`a` holds a control character");
    }
    let mut bare = with_query();
    bare.request.query.remove(0);
    assert_eq!(rendered(&bare, "{}").query, None);
}

#[test]
fn h05_a_header_takes_visible_text_alone() {
    let operation = with_header();
    let header = |arguments: &str| rendered(&operation, arguments).headers.remove("x-a");
    assert_eq!(header("{}"), None);
    assert_eq!(
        header(&arguments("a b~")),
        Some(HeaderValue::from_static("a b~"))
    );
    assert_eq!(header(&arguments("")), Some(HeaderValue::from_static("")));
    for text in ["a\r\nx-b: c", "\t", "a\tb", "é", "\0", "\u{7f}"] {
        assert_eq!(
            refused(&operation, &arguments(text)),
            "`a` goes into a header and holds what is not visible ASCII",
            "{text:?}"
        );
    }
    for text in [" a", "a ", " "] {
        assert_eq!(
            refused(&operation, &arguments(text)),
            "`a` goes into a header and starts or ends with a space"
        );
    }
}

#[test]
fn accept_and_user_agent_are_always_there_and_content_type_with_a_body() {
    let names = |rendered: &Rendered| {
        let mut names: Vec<_> = rendered
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        names.sort();
        names
    };
    let version = env!("CARGO_PKG_VERSION");
    let agent = format!("user-agent: agentbox/{version}");
    let bare = rendered(&operation(Vec::new()), "{}");
    assert_eq!(names(&bare), ["accept: application/json", &agent]);
    assert_eq!(bare.body, None);

    let mut own = with_body(json!({}), Vec::new());
    let found = rendered(&own, "{}");
    assert_eq!(
        names(&found),
        [
            "accept: application/json",
            "content-type: application/json",
            &agent
        ]
    );
    own.request.headers = vec![
        (ACCEPT, filling("text/plain")),
        (CONTENT_TYPE, filling("application/x-own")),
        (USER_AGENT, filling("own/1")),
    ];
    assert_eq!(
        names(&rendered(&own, "{}")),
        [
            "accept: text/plain",
            "content-type: application/x-own",
            "user-agent: own/1"
        ]
    );
}

#[test]
fn a_body_is_the_template_with_its_holes_filled() {
    let template = json!({
        "text": "{a}", "list": ["{b}", 1, null, {"deep": "{c}"}], "left-out": "{b}", "is": "literal"
    });
    let shapes = vec![Shape::String, option(Shape::U64), list(Shape::Bool)];
    let operation = with_body(template, shapes);
    let arguments = json!({ "a": "\"},\u{0}\u{1f}\u{2028}{b}\\", "c": [true] }).to_string();
    let found = rendered(&operation, &arguments);
    let sent: serde_json::Value = serde_json::from_str(body(&found)).expect("JSON");
    assert_eq!(
        sent,
        json!({
            "text": "\"},\u{0}\u{1f}\u{2028}{b}\\",
            "list": [null, 1, null, {"deep": [true]}],
            "is": "literal",
        })
    );
    assert!(!body(&found).contains(char::is_control), "{}", body(&found));
}

#[test]
fn a_body_keeps_the_order_of_its_template_and_the_digits_of_a_number() {
    let mut operation = taking([Shape::U64, Shape::S64]);
    operation.request.body = Some(BodyTemplate::Json(JsonTemplate::Object(vec![
        ("z".to_owned(), JsonTemplate::Hole("a".into())),
        ("a".to_owned(), JsonTemplate::Hole("b".into())),
    ])));
    let arguments = r#"{"b":-9223372036854775808,"a":18446744073709551615}"#;
    assert_eq!(
        body(&rendered(&operation, arguments)),
        r#"{"z":18446744073709551615,"a":-9223372036854775808}"#
    );
}

#[test]
fn a_body_of_one_argument_is_that_argument() {
    let operation = with_body(json!("{a}"), vec![option(list(Shape::U8))]);
    assert_eq!(body(&rendered(&operation, r#"{"a":"AAE="}"#)), "\"AAE=\"");
    let without = rendered(&operation, "{}");
    assert_eq!(without.body, None);
    assert_eq!(without.headers.get(CONTENT_TYPE), None);
}

#[test]
fn a_raw_body_is_its_bytes_or_its_text() {
    let raw = |shape| {
        let mut operation = taking([shape]);
        operation.request.body = Some(BodyTemplate::Raw {
            hole: "a".into(),
            content_type: HeaderValue::from_static("text/x"),
        });
        operation
    };
    let bytes = rendered(&raw(list(Shape::U8)), r#"{"a":"AP8="}"#);
    assert_eq!(bytes.body.as_deref(), Some(&[0, 255][..]));
    assert_eq!(bytes.headers[CONTENT_TYPE], "text/x");
    let text = rendered(&raw(Shape::String), r#"{"a":"é\n"}"#);
    assert_eq!(body(&text), "é\n");
    let none = rendered(&raw(option(Shape::String)), "{}");
    assert_eq!((none.body, none.headers.get(CONTENT_TYPE)), (None, None));
}

#[test]
fn a_hole_without_an_argument_is_a_bug_and_no_request() {
    for spoil in [
        |operation: &mut Operation| operation.request.path = path("/{b}"),
        |operation: &mut Operation| {
            operation.request.query = vec![("q".to_owned(), filling("{b}"))];
        },
        |operation: &mut Operation| {
            operation.request.body = Some(BodyTemplate::Json(JsonTemplate::Hole("b".into())));
        },
    ] {
        let mut operation = operation(vec![Field::new("a", Shape::String)]);
        spoil(&mut operation);
        let arguments = read_arguments(&operation, r#"{"a":"x"}"#).expect("good");
        let code = operation
            .request
            .render(&arguments, 1 << 20)
            .map_err(|refusal| refusal.code);
        assert_eq!(code.err(), Some(Code::BUG));
    }
}

/// A random text of what is special somewhere in a URL.
fn any_text(random: &mut Random) -> String {
    let parts = [
        "a", "b", "-", ".", "..", "/", "\\", "%", "%2e", "%2F", ";", " ", "?", "#", "&", "=", "+",
        ":", "@", "é", "\u{2025}", "\u{ff0f}", "\n", "\0", "\u{7f}", "{", "}", "[", "|", "^", "`",
        "\"", "<", "'", "*",
    ];
    (0..random.below(5)).map(|_| random.pick(&parts)).collect()
}

#[test]
fn every_path_that_is_made_is_canonical_and_has_the_segments_of_its_template() {
    let mut random = Random(5);
    let (mut made, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let texts = [any_text(&mut random), any_text(&mut random)];
        let rest = random.below(2) == 0;
        let mut operation = taking([Shape::String, Shape::String]);
        operation.request.method = Method::GET;
        operation.request.path = path(if rest {
            "/x/{a}/{+b}/y"
        } else {
            "/x/{a}/{b}/y"
        });
        operation.request.slash = random.below(2) == 0;
        let json = json!({ "a": texts[0], "b": texts[1] }).to_string();
        let arguments = read_arguments(&operation, &json).expect("strings");
        let Ok(rendered) = operation.request.render(&arguments, 1 << 20) else {
            refused += 1;
            continue;
        };
        made += 1;
        let parsed = crate::path::parse(&rendered.path)
            .unwrap_or_else(|refusal| panic!("{}: {}", rendered.path, refusal.message));
        let mut expected = vec!["x", &texts[0]];
        if rest {
            expected.extend(texts[1].split('/'));
        } else {
            expected.push(&texts[1]);
        }
        expected.push("y");
        assert_eq!(parsed.segments, expected, "{}", rendered.path);
        assert_eq!(parsed.slash, operation.request.slash);
    }
    assert!(made > 1000 && refused > 1000, "{made} {refused}");
}

#[test]
fn every_query_that_is_made_reads_back_as_the_one_pair_it_is() {
    let mut random = Random(6);
    let mut operation = taking([Shape::String]);
    operation.request.query = vec![("q".to_owned(), filling("{a}"))];
    for _ in 0..5000 {
        let text = any_text(&mut random);
        let arguments = arguments(&text);
        let arguments = read_arguments(&operation, &arguments).expect("a string");
        let Ok(rendered) = operation.request.render(&arguments, 1 << 20) else {
            assert!(text.contains(char::is_control), "{text:?}");
            continue;
        };
        let query = rendered.query.expect("a query");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        let value = query.strip_prefix("q=").expect("the name");
        assert!(value.bytes().all(plain), "{query}");
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
        assert_eq!(decoded.expect("UTF-8"), text);
    }
}
