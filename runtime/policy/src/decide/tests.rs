//! Tests of decisions, by the names of the threats.

mod built_in;
mod headers;
mod operation;
mod order;
mod url;

use crate::testing::{call, decide, decision, policy};
use crate::{Code, Policy};

const POLICY: &str = r#"
policy = 1
insecure-loopback = true
agent.id = "bot"

[credentials.widgets]
from   = "env://WIDGETS_KEY"
as     = { header = "x-widgets-key" }
origin = "https://api.test"

[credentials.maps]
from   = "env://MAPS_KEY"
as     = { query = "key" }
origin = "https://maps.test"

[limits]
writes = "20/hour"

[http.widgets]
use             = "widgets"
allow           = ["GET /v1/widgets", "GET /v1/widgets/{id}", "GET /v1/widgets/{id}/notes/",
                   "POST /v1/widgets/{id}/notes", "GET /v1/search?q&page", "GET /münchen/a b"]
limits          = ["writes"]
request-headers = ["x-trace"]

[http.maps]
use   = "maps"
allow = ["GET /any?*", "GET /some?q"]

[http.local]
origin = "http://127.0.0.1:8080"
allow  = ["GET /", "GET /a"]

[http.cdn]
origin = "https://*.cdn.test"
allow  = ["GET /{file}"]
"#;

#[track_caller]
fn approved(line: &str) -> crate::Approved {
    match decision(&policy(POLICY), line) {
        Ok(approved) => approved,
        Err(denied) => panic!("{denied}"),
    }
}

#[track_caller]
fn denied(line: &str) -> Code {
    decision(&policy(POLICY), line)
        .map(|approved| panic!("{line} is {approved:?}"))
        .unwrap_or_else(|denied| {
            assert!(
                !denied.message().is_empty() && !denied.message().contains('\n'),
                "{denied}"
            );
            denied.code()
        })
}

const WIDGETS: &str = "GET https://api.test/v1/widgets";

fn with_header(name: &str, value: &[u8]) -> Result<crate::Approved, crate::Denied> {
    let mut head = call(WIDGETS, &[]);
    head.headers.push((name.to_owned(), value.to_vec()));
    decide(&policy(POLICY), &head)
}

#[track_caller]
fn denied_header(name: &str, value: &[u8]) -> Code {
    match with_header(name, value) {
        Ok(approved) => panic!("{name} is approved: {approved:?}"),
        Err(denied) => denied.code(),
    }
}

#[test]
fn an_approved_call_holds_what_the_guest_wrote_and_what_the_policy_adds() {
    let mut head = call(
        "POST https://api.test:443/v1/widgets/7/notes",
        &[
            ("content-type", "application/json"),
            ("content-length", "12"),
            ("accept-encoding", "gzip, br"),
            ("host", "api.test:443"),
        ],
    );
    let policy = policy(POLICY);
    let approved = decide(&policy, &head).expect("granted");
    assert_eq!(approved.agent(), "bot");
    assert_eq!(approved.grant(), "http.widgets");
    assert_eq!(approved.route(), "POST /v1/widgets/{id}/notes");
    assert_eq!(approved.method(), http::Method::POST);
    assert_eq!(approved.origin().to_string(), "https://api.test");
    assert_eq!(
        (approved.path(), approved.query()),
        ("/v1/widgets/7/notes", None)
    );
    assert_eq!(approved.headers().len(), 1);
    assert_eq!(approved.content_length(), Some(12));
    assert_eq!(approved.credential().map(|c| c.name()), Some("widgets"));
    assert_eq!(approved.limits()[0].name(), "writes");
    assert!(!approved.addresses().admits([127, 0, 0, 1].into()));
    head.headers
        .push(("host".to_owned(), b"other.test".to_vec()));
    assert_eq!(
        decide(&policy, &head).map_err(|d| d.code()).err(),
        Some(Code::HEADER_DENIED)
    );
}

#[test]
fn the_policy_of_no_policy_denies_everything() {
    let denied = decision(&Policy::nothing(), WIDGETS).expect_err("nothing is granted");
    assert_eq!(denied.code(), Code::ORIGIN_DENIED);
}

#[test]
fn a_denial_tells_the_operator_the_line_that_would_allow_it() {
    let denied = decision(&policy(POLICY), "DELETE https://api.test/v1/widgets/7").expect_err("no");
    assert_eq!(
        denied.to_string(),
        "denied[AB0202]: DELETE https://api.test/v1/widgets/7: no route allows this method and path"
    );
    assert_eq!(denied.grant(), Some("http.widgets"));
    assert_eq!(
        denied.hint(),
        Some("to allow it, add \"DELETE /v1/widgets/7\" to `allow` of `[http.widgets]`")
    );

    let line = "GET https://new.test/a%20b/c";
    let denied = decision(&policy(POLICY), line).expect_err("no");
    assert_eq!((denied.code(), denied.grant()), (Code::ORIGIN_DENIED, None));
    let hint = denied.hint().expect("a hint");
    let (_, table) = hint.split_once('\n').expect("a table");
    decision(&policy(&format!("policy = 1\n{table}")), line).expect("the hint allows it");
}

#[test]
fn plain_http_goes_to_its_own_loopback_address_and_port_alone() {
    let approved = approved("GET http://127.0.0.1:8080/a");
    assert!(approved.credential().is_none() && approved.limits().is_empty());
    assert!(approved.addresses().admits([127, 0, 0, 1].into()));
    assert!(!approved.addresses().admits([127, 0, 0, 2].into()));
    assert!(!approved.addresses().admits([1, 1, 1, 1].into()));
    assert_eq!(denied("GET http://127.0.0.1/a"), Code::ORIGIN_DENIED);
    assert_eq!(denied("GET https://127.0.0.1:8080/a"), Code::ORIGIN_DENIED);
    assert_eq!(self::approved("GET http://127.0.0.1:8080/").path(), "/");
}

#[test]
fn what_a_door_refused_is_denied_with_its_own_words() {
    let head = crate::RefusedHead {
        call: "a:b/c\n".to_owned(),
        code: Code::CALLS_AT_ONCE,
        message: "one too many".to_owned(),
    };
    let denied = crate::decide(&Policy::nothing(), &head.into()).expect_err("refused");
    assert_eq!(denied.to_string(), "denied[AB0508]: a:b/c\\n: one too many");
    assert_eq!((denied.grant(), denied.hint()), (None, None));
}

#[test]
fn a_denial_repeats_no_more_than_a_part_of_a_guests_text() {
    let long = "ä".repeat(1 << 20);
    let head = crate::RefusedHead {
        call: long.clone(),
        code: Code::BAD_ARGUMENTS,
        message: format!("x{long}"),
    };
    let denied = crate::decide(&Policy::nothing(), &head.clone().into()).expect_err("refused");
    // A character of two bytes that would be cut in half is left out.
    assert_eq!(denied.message().len(), 1023);
    let denied = crate::CallHead::from(head).refuse(Code::CALLS, long);
    assert_eq!(denied.message().len(), 1024);
}
