//! The operations of the built-in connectors: what they send, and what they make of replies.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use serde_json::{Value as Json, json};

use crate::condition::{Matcher, Within};
use crate::shape::Shape;
use crate::testing::made::{by_name, condition, granting, one_of};
use crate::testing::{Random, built_in, connector, operation};
use crate::value::{Names, Written, read_arguments};
use crate::{Approved, Code, Condition, Operation, ReplyError};

fn call(name: &str, conditions: Vec<Condition>, arguments: &Json) -> Result<Approved, Code> {
    let operation = Operation::clone(&operation(name));
    by_name(
        &granting(operation, conditions),
        name,
        &arguments.to_string(),
    )
    .map_err(|denied| denied.code())
}

/// Holds a call to the request line and the body that it makes.
#[track_caller]
fn check_request(name: &str, arguments: &Json, line: &str, body: &str) {
    let approved = call(name, Vec::new(), arguments)
        .unwrap_or_else(|code| panic!("{name} {arguments}: {code}"));
    let query = approved.query().map(|query| format!("?{query}"));
    let target = format!("{}{}", approved.path(), query.unwrap_or_default());
    assert_eq!(format!("{} {target}", approved.method()), line);
    let sent = approved.body().unwrap_or_default();
    assert_eq!(std::str::from_utf8(sent), Ok(body));
}

#[track_caller]
fn check_reply(name: &str, status: u16, body: &Json, expected: Result<&str, ReplyError>) {
    let body = body.to_string();
    let now = SystemTime::UNIX_EPOCH;
    let found = operation(name).read_reply(status, &HeaderMap::new(), body.as_bytes(), now);
    assert_eq!(found, expected.map(str::to_owned), "{name}: {body}");
}

#[test]
fn github_gets_the_requests_that_its_documentation_has() {
    let at = json!({ "owner": "acme", "repo": "widgets", "issue-number": 7 });
    let with = |key: &str, value: Json| {
        let mut arguments = at.clone();
        arguments[key] = value;
        arguments
    };
    let list = json!({ "owner": "acme", "repo": "widgets", "per-page": 2, "state": "open" });
    let path = "/repos/acme/widgets/issues";
    check_request(
        "github:issues/list-for-repo",
        &list,
        &format!("GET {path}?state=open&per_page=2"),
        "",
    );
    check_request("github:issues/get", &at, &format!("GET {path}/7"), "");
    check_request(
        "github:issues/create-comment",
        &with("body", json!("a\"\u{0}b")),
        &format!("POST {path}/7/comments"),
        r#"{"body":"a\"\u0000b"}"#,
    );
    check_request(
        "github:issues/list-comments",
        &with("page", json!(3)),
        &format!("GET {path}/7/comments?page=3"),
        "",
    );
    check_request(
        "github:issues/add-labels",
        &with("labels", json!(["a", "b c"])),
        &format!("POST {path}/7/labels"),
        r#"{"labels":["a","b c"]}"#,
    );
    let approved = call("github:issues/get", Vec::new(), &at).expect("approved");
    let header = |name| approved.headers().get(name).and_then(|v| v.to_str().ok());
    assert_eq!(header("accept"), Some("application/vnd.github+json"));
    assert_eq!(header("x-github-api-version"), Some("2022-11-28"));
    assert_eq!(approved.headers().len(), 3);
}

#[test]
fn github_s_replies_are_read() {
    let issue = json!({
        "number": 7, "title": "t", "body": null, "id": 1, "state": "open",
        "labels": [{ "id": 1, "name": "bug" }], "user": { "login": "ada" },
    });
    let read = r#"{"number":7,"title":"t","labels":["bug"]}"#;
    check_reply("github:issues/get", 200, &issue, Ok(read));
    check_reply(
        "github:issues/list-for-repo",
        200,
        &json!([issue, issue]),
        Ok(&format!("[{read},{read}]")),
    );
    check_reply(
        "github:issues/create-comment",
        201,
        &json!({ "id": 12, "html_url": "https://x", "body": "b" }),
        Ok(r#"{"id":"12","html-url":"https://x"}"#),
    );
    check_reply(
        "github:issues/list-comments",
        200,
        &json!([{ "id": 1, "user": null, "body": "b", "created_at": "now" }]),
        Ok(r#"[{"id":"1","body":"b","created-at":"now"}]"#),
    );
    check_reply(
        "github:issues/add-labels",
        200,
        &json!([{ "name": "a" }, { "name": "b" }]),
        Ok(r#"["a","b"]"#),
    );
    check_reply(
        "github:issues/get",
        404,
        &json!({ "message": "Not Found", "documentation_url": "x" }),
        Err(ReplyError::Upstream {
            message: "Not Found".to_owned(),
            retry_after: None,
        }),
    );
}

#[test]
fn matrix_gets_its_requests_and_its_replies_are_read() {
    let base = "/_matrix/client/v3";
    check_request(
        "matrix:client/whoami",
        &json!({}),
        &format!("GET {base}/account/whoami"),
        "",
    );
    check_request(
        "matrix:client/send-message",
        &json!({ "room-id": "!a:host", "transaction-id": "t 1", "body": "hi" }),
        &format!("PUT {base}/rooms/!a:host/send/m.room.message/t%201"),
        r#"{"msgtype":"m.text","body":"hi"}"#,
    );
    check_request(
        "matrix:client/room-messages",
        &json!({ "room-id": "!a:host", "limit": 5 }),
        &format!("GET {base}/rooms/!a:host/messages?dir=b&limit=5"),
        "",
    );
    check_reply(
        "matrix:client/joined-rooms",
        200,
        &json!({ "joined_rooms": ["!a:host"] }),
        Ok(r#"["!a:host"]"#),
    );
    check_reply(
        "matrix:client/room-messages",
        200,
        &json!({ "end": "t2", "start": "t1", "chunk": [{
            "event_id": "$1", "sender": "@a:host", "type": "m.room.message",
            "content": { "body": "hi" }, "origin_server_ts": 12,
        }, {
            "event_id": "$2", "sender": "@a:host", "type": "m.room.create",
            "content": {}, "origin_server_ts": 11,
        }] }),
        Ok(concat!(
            r#"{"messages":[{"event-id":"$1","sender":"@a:host","kind":"m.room.message","#,
            r#""body":"hi","sent":12},{"event-id":"$2","sender":"@a:host","#,
            r#""kind":"m.room.create","sent":11}],"next":"t2"}"#
        )),
    );
    check_reply(
        "matrix:client/send-message",
        429,
        &json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "slow", "retry_after_ms": 250 }),
        Err(ReplyError::Upstream {
            message: "slow".to_owned(),
            retry_after: Some(Duration::from_millis(250)),
        }),
    );
}

#[test]
fn openai_and_vault_get_their_requests_and_their_replies_are_read() {
    let chat = "openai:chat/create-chat-completion";
    check_request(
        chat,
        &json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }),
        "POST /v1/chat/completions",
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#,
    );
    check_reply(
        chat,
        200,
        &json!({
            "choices": [{ "message": { "content": "yes" } }], "usage": { "total_tokens": 9 }
        }),
        Ok(r#"{"content":"yes","total-tokens":9}"#),
    );
    check_reply(
        chat,
        200,
        &json!({ "choices": [], "usage": { "total_tokens": 9 } }),
        Err(ReplyError::Invalid("`content` is missing".to_owned())),
    );
    check_request(
        "vault:kv/read",
        &json!({ "mount": "secret", "path": "agents/a b/key", "version": 2 }),
        "GET /v1/secret/data/agents/a%20b/key?version=2",
        "",
    );
}

#[test]
fn a_path_of_segments_cannot_leave_the_prefix_that_a_grant_gives_it() {
    let bound = || {
        let within = Within {
            prefix: Some("agents/".to_owned()),
            ..Within::default()
        };
        vec![
            condition("mount", one_of(&["secret"])),
            condition("path", Matcher::Within(within)),
        ]
    };
    for (path, expected) in [
        ("agents/a", Ok(())),
        ("agents", Err(Code::ARGUMENT_DENIED)),
        ("other/agents/", Err(Code::ARGUMENT_DENIED)),
        ("agents/", Err(Code::BAD_ARGUMENTS)),
        ("agents/../other", Err(Code::BAD_ARGUMENTS)),
        ("agents/..;/other", Err(Code::BAD_ARGUMENTS)),
        ("agents/%2e%2e/other", Err(Code::BAD_ARGUMENTS)),
        ("agents/..\\other", Err(Code::BAD_ARGUMENTS)),
        ("agents//other", Err(Code::BAD_ARGUMENTS)),
    ] {
        let arguments = json!({ "mount": "secret", "path": path });
        let decided = call("vault:kv/read", bound(), &arguments).map(|_| ());
        assert_eq!(decided, expected, "{path}");
    }
}

/// Any value of a type, as JSON by the names of the WIT.
fn any(shape: &Shape, random: &mut Random) -> Json {
    match shape {
        Shape::Option(_) if random.below(2) == 0 => Json::Null,
        Shape::Option(inner) => any(inner, random),
        Shape::List(item) => (0..random.below(3)).map(|_| any(item, random)).collect(),
        Shape::Record(fields) => fields
            .iter()
            .map(|field| (field.name.clone(), any(&field.shape, random)))
            .collect(),
        Shape::String => {
            let parts = [
                "a", "Z", "0", "é", "/", ".", "..", "%", "\"", "\\", "\n", "?", "#", "&", "{",
            ];
            let text: String = (0..random.below(4)).map(|_| random.pick(&parts)).collect();
            text.into()
        }
        _ => json!(random.below(256)),
    }
}

#[test]
fn whatever_the_arguments_hold_a_request_goes_where_its_template_says() {
    let mut random = Random(7);
    let (mut made, mut refused) = (0, 0);
    for name in ["github", "matrix", "openai", "vault"] {
        let connector = connector(&built_in(name));
        for operation in connector.operations() {
            let policy = granting(Operation::clone(operation), Vec::new());
            for _ in 0..500 {
                let arguments: Json = operation
                    .arguments()
                    .into_iter()
                    .map(|(name, shape)| (name.to_owned(), any(shape, &mut random)))
                    .collect();
                let text = arguments.to_string();
                round_trips(operation, &text);
                let approved = match by_name(&policy, operation.name(), &text) {
                    Ok(approved) => approved,
                    Err(denied) => {
                        assert_eq!(denied.code(), Code::BAD_ARGUMENTS, "{denied}");
                        refused += 1;
                        continue;
                    }
                };
                made += 1;
                check_approved(operation, &approved, &arguments);
            }
        }
    }
    assert!(made > 2000 && refused > 1000, "{made} {refused}");
}

/// What is read and written by the names of the WIT is the same when it is read again.
fn round_trips(operation: &Arc<Operation>, text: &str) {
    let first = read_arguments(operation, text).expect("of its type");
    let mut entries = Vec::new();
    for (name, _) in operation.arguments() {
        let (shape, value) = first.find(name).expect("an argument");
        let written = Written {
            shape,
            value,
            names: Names::Wit,
        };
        let json = serde_json::to_string(&written).expect("JSON");
        entries.push(format!("{name:?}:{json}"));
    }
    let again = format!("{{{}}}", entries.join(","));
    let second = read_arguments(operation, &again).expect("as it was");
    for (name, _) in operation.arguments() {
        let (one, other) = (first.find(name), second.find(name));
        assert_eq!(one.map(|(_, v)| v), other.map(|(_, v)| v), "{again}");
    }
}

fn check_approved(operation: &Operation, approved: &Approved, arguments: &Json) {
    let path = crate::path::parse(approved.path())
        .unwrap_or_else(|refusal| panic!("{}: {}", approved.path(), refusal.message));
    let (_, template) = operation.route().split_once(' ').expect("a path");
    let mut expected = Vec::new();
    for part in template.split('/').skip(1) {
        let hole = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        match hole.map(|name| name.trim_start_matches('+')) {
            None => expected.push(part.to_owned()),
            Some(name) => {
                let value = &arguments[name];
                let text = value.as_str().map_or(value.to_string(), str::to_owned);
                expected.extend(text.split('/').map(str::to_owned));
            }
        }
    }
    assert_eq!(path.segments, expected, "{template} {arguments}");
    let body = approved.body().map(serde_json::from_slice::<Json>);
    assert!(!matches!(body, Some(Err(_))), "{approved:?}");
    if let Some(query) = approved.query() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(&byte);
        assert!(query.bytes().all(plain), "{query}");
    }
}
