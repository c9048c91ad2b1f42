//! Calls of operations: which are approved, and what is sent.

use std::sync::Arc;

use http::HeaderName;

use crate::condition::{Matcher, Scalar, Within};
use crate::grant::OperationGrant;
use crate::operation::{BodyTemplate, JsonTemplate, Operation};
use crate::testing::built_in;
use crate::testing::made::{
    by_name, condition, filling, granting, make, one_of, operation, option, path,
};
use crate::{
    Approved, Code, Condition, Credential, Denied, Field, Placement, Policy, Reference, Shape,
};

/// Comments on an issue of a repository.
fn comment() -> Operation {
    let mut comment = operation(vec![
        Field::new("owner", Shape::String),
        Field::new("repo", Shape::String),
        Field::new("issue-number", Shape::U32),
        Field::new("body", Shape::String),
        Field::new("reply-to", option(Shape::U64)),
    ]);
    comment.request.path = path("/repos/{owner}/{repo}/issues/{issue-number}/comments");
    comment.request.query = vec![("reply".to_owned(), filling("{reply-to}"))];
    comment.request.body = Some(BodyTemplate::Json(JsonTemplate::Object(vec![(
        "body".to_owned(),
        JsonTemplate::Hole("body".into()),
    )])));
    comment.scope = vec!["owner".into(), "repo".into(), "reply-to".into()];
    comment.reply.reset = Some(HeaderName::from_static("x-reset"));
    comment
}

fn conditions() -> Vec<Condition> {
    let most = Within {
        max_bytes: Some(16),
        ..Within::default()
    };
    vec![
        condition("owner", one_of(&["acme"])),
        condition("repo", one_of(&["widgets", "gadgets"])),
        condition("reply-to", Matcher::Any),
        condition("body", Matcher::Within(most)),
    ]
}

fn policy() -> Policy {
    granting(comment(), conditions())
}

fn with_grant(change: impl FnOnce(&mut OperationGrant)) -> Policy {
    let mut policy = policy();
    let (_, grant) = policy.operations.first_mut().expect("a grant");
    change(Arc::make_mut(grant));
    policy
}

const GOOD: &str = r#"{"owner":"acme","repo":"widgets","issue-number":7,"body":"hi"}"#;

#[track_caller]
fn approved(policy: &Policy, arguments: &str) -> Approved {
    match make(policy, arguments) {
        Ok(approved) => approved,
        Err(denied) => panic!("{arguments}: {denied}"),
    }
}

#[track_caller]
fn denied(policy: &Policy, arguments: &str) -> Denied {
    match make(policy, arguments) {
        Ok(approved) => panic!("{arguments} is approved: {approved:?}"),
        Err(denied) => denied,
    }
}

#[track_caller]
fn check_where(conditions: Vec<Condition>, arguments: &str, message: &str) -> Denied {
    let denied = denied(&granting(comment(), conditions), arguments);
    assert_eq!(denied.code(), Code::ARGUMENT_DENIED);
    assert_eq!(denied.message(), message);
    assert_eq!(denied.grant(), Some("test:things/make"));
    denied
}

#[test]
fn an_approved_call_holds_the_request_that_its_arguments_make() {
    let approved = approved(&policy(), GOOD);
    assert_eq!(approved.agent(), "none");
    assert_eq!(approved.grant(), "test:things/make");
    assert_eq!(
        approved.operation().map(|o| o.name()),
        Some("test:things/make")
    );
    assert_eq!(approved.route(), "POST /things");
    assert_eq!(approved.method(), http::Method::POST);
    assert_eq!(approved.origin().to_string(), "https://api.test");
    assert_eq!(approved.path(), "/repos/acme/widgets/issues/7/comments");
    assert_eq!(approved.query(), None);
    assert_eq!(approved.body(), Some(&br#"{"body":"hi"}"#[..]));
    assert_eq!(approved.content_length(), Some(13));
    let arguments: Vec<_> = approved.arguments().collect();
    assert_eq!(arguments, [("owner", "acme"), ("repo", "widgets")]);
    assert!(approved.credential().is_none() && approved.limits().is_empty());
    let seen = |name| {
        approved
            .reply_headers()
            .allows(&HeaderName::from_static(name))
    };
    assert!(seen("x-reset") && seen("content-type") && !seen("x-other"));
    assert_eq!(
        approved.summary(),
        "test:things/make owner=\"acme\" repo=\"widgets\""
    );
}

#[test]
fn a_version_is_left_out_or_the_one_that_is_granted() {
    let policy = policy();
    let call = |name| by_name(&policy, name, GOOD);
    assert!(call("test:things/make@1.0.0").is_ok());
    for name in [
        "test:things/make@1.0.1",
        "test:things/make@1.0",
        "test:things/make@",
        "test:things/make@1.0.0@1.0.0",
        "test:things/make@1.0.0 ",
    ] {
        let denied = call(name).expect_err(name);
        assert_eq!(denied.code(), Code::OPERATION_DENIED, "{name}");
        assert_eq!(
            denied.message(),
            "the policy grants version 1.0.0 of this operation, not this one"
        );
        assert_eq!(denied.hint(), Some("call `test:things/make@1.0.0`"));
    }
}

#[test]
fn an_operation_is_found_by_its_whole_name_alone() {
    for name in [
        "",
        "make",
        "things/make",
        "test:things",
        "test:things/makes",
        "Test:things/make",
        " test:things/make",
        "test:things/make/",
        "wasi:http/outgoing-handler",
    ] {
        let denied = by_name(&policy(), name, GOOD).expect_err(name);
        assert_eq!(denied.code(), Code::OPERATION_DENIED, "{name}");
        assert_eq!(denied.message(), "no grant covers this operation");
        assert_eq!(denied.grant(), None);
    }
    let denied = by_name(&Policy::nothing(), "test:things/make", GOOD).expect_err("nothing");
    assert_eq!(denied.code(), Code::OPERATION_DENIED);
}

#[test]
fn a_denial_by_where_shows_what_decides_and_no_other_argument() {
    let with = |owner: &str, repo: &str, body: &str| {
        format!(r#"{{"owner":"{owner}","repo":"{repo}","issue-number":7,"body":"{body}"}}"#)
    };
    let denied = check_where(
        conditions(),
        &with("Acme", "widgets", "hi"),
        "owner \"Acme\" is not \"acme\"",
    );
    assert_eq!(
        denied.to_string(),
        "denied[AB0203]: test:things/make: owner \"Acme\" is not \"acme\""
    );
    assert_eq!(
        denied.hint(),
        Some("to allow it, add \"Acme\" to `owner` in `where` of `[grants.\"test:things/make\"]`")
    );
    check_where(
        conditions(),
        &with("acme", "secrets", "hi"),
        "repo \"secrets\" is not one of \"widgets\", \"gadgets\"",
    );
    let denied = check_where(
        conditions(),
        &with("acme", "widgets", "seventeen bytes..."),
        "body has more than 16 bytes",
    );
    assert_eq!(denied.hint(), None);
    let bound = vec![condition("body", one_of(&["hi"]))];
    check_where(
        bound,
        &with("a", "b", "hidden"),
        "body is not one of \"hi\"",
    );
    let bound = vec![condition(
        "reply-to",
        Matcher::OneOf(vec![Scalar::Integer(1)]),
    )];
    check_where(bound.clone(), GOOD, "reply-to is not given");
    let other = GOOD.replace('}', r#","reply-to":2}"#);
    check_where(bound, &other, "reply-to 2 is not 1");
    let long = "x".repeat(70);
    let cut = format!("owner \"{}…\" is not \"acme\"", &long[..64]);
    check_where(conditions(), &with(&long, "widgets", "hi"), &cut);
}

#[test]
fn where_is_asked_before_the_request_is_made() {
    let arguments = GOOD.replace("acme", "..");
    check_where(conditions(), &arguments, "owner \"..\" is not \"acme\"");
}

#[test]
fn arguments_that_do_not_fit_the_operation_are_refused_by_its_grant() {
    let denied = denied(&policy(), "{}");
    assert_eq!(denied.code(), Code::BAD_ARGUMENTS);
    assert_eq!(denied.message(), "`owner` is missing");
    assert_eq!(denied.grant(), Some("test:things/make"));
}

#[test]
fn arguments_larger_than_their_bound_are_not_even_read() {
    let mut policy = policy();
    policy.bounds.arguments = 8 << 10;
    let larger = "x".repeat((8 << 10) + 1);
    let denied = denied(&policy, &larger);
    assert_eq!(denied.code(), Code::ARGUMENTS_SIZE);
    assert_eq!(denied.message(), "the arguments are larger than 8 KiB");
    assert_eq!(
        denied.hint(),
        Some("send no more than the 8 KiB that `[run] arguments` and `--arguments` allow")
    );
    let fits = format!("{GOOD}{}", " ".repeat((8 << 10) - GOOD.len()));
    approved(&policy, &fits);
}

#[test]
fn a_request_that_is_too_large_is_refused() {
    let policy = granting(comment(), Vec::new());
    let long = GOOD.replace("acme", &"a".repeat(8 << 10));
    let refused = denied(&policy, &long);
    assert_eq!(refused.code(), Code::REQUEST_SIZE);
    assert_eq!(refused.message(), "the URL is longer than 8 KiB");

    let mut policy = policy;
    policy.bounds.request_body = 12;
    let refused = denied(&policy, GOOD);
    assert_eq!(refused.code(), Code::REQUEST_SIZE);
    assert_eq!(refused.message(), "the request's body is larger than 12 B");
    assert_eq!(
        refused.hint(),
        Some("send no more than the 12 B that `[run] request-body` and `--request-body` allow")
    );
    policy.bounds.request_body = 13;
    approved(&policy, GOOD);

    let mut noisy = comment();
    noisy.request.headers = vec![(HeaderName::from_static("x-body"), filling("{body}"))];
    let policy = granting(noisy, Vec::new());
    let refused = denied(&policy, &GOOD.replace("hi", &"a".repeat(64 << 10)));
    assert_eq!(refused.message(), "more than 64 KiB of headers");
}

#[test]
fn the_place_of_the_key_is_never_filled_by_the_connector() {
    let credential = |placement| {
        Some(Arc::new(Credential {
            name: "key".to_owned(),
            reference: Reference::Env {
                name: "KEY".to_owned(),
            },
            placement,
            origins: Vec::new(),
            addresses: Vec::new(),
        }))
    };
    let header = |name| Placement::Header {
        name: HeaderName::from_static(name),
        prefix: String::new(),
    };
    let query = |name: &str| Placement::Query {
        name: name.to_owned(),
    };
    for (placement, taken) in [
        (Placement::Bearer, false),
        (header("x-key"), false),
        (header("accept"), true),
        (query("key"), false),
        (query("Reply"), true),
    ] {
        let policy = with_grant(|grant| grant.credential = credential(placement.clone()));
        let decided = make(&policy, GOOD);
        if taken {
            let code = decided.map_err(|denied| denied.code()).err();
            assert_eq!(code, Some(Code::CREDENTIAL_HEADER), "{placement}");
        } else {
            let approved = decided.expect("free");
            assert_eq!(approved.credential().map(|c| c.name()), Some("key"));
        }
    }
}

#[test]
fn an_operation_that_is_known_and_not_granted_comes_with_the_lines_that_grant_it() {
    let mut policy = policy();
    let mut other = comment();
    other.name = "test:things/unmake".into();
    policy.connectors.used.push(Arc::new(crate::Connector {
        name: "test".into(),
        about: None,
        origin: crate::Origin::parse("https://api.test").expect("an origin"),
        placement: None,
        operations: vec![Arc::new(other)],
        digest: String::new(),
    }));
    let denied = by_name(&policy, "test:things/unmake", GOOD).expect_err("not granted");
    assert_eq!(
        denied.hint(),
        Some(
            "to allow it:\n# in a world in `wit/`, which the policy names:\n\
             import test:things/unmake@1.0.0;\n# in the policy:\n\
             [grants.\"test:things/unmake\"]\n\
             where = { owner = \"OWNER\", repo = \"REPO\", reply-to = 0 }"
        )
    );
}

#[test]
fn operations_that_the_policy_does_not_use_are_known_too_and_near_names_are_told() {
    let policy = Policy::nothing().knowing(vec![built_in("github")]);
    let hint = |name: &str| {
        let denied = by_name(&policy, name, "{}").expect_err("not granted");
        assert_eq!(denied.code(), Code::OPERATION_DENIED);
        denied.hint().map(str::to_owned)
    };
    let known = hint("github:issues/create-comment").expect("it is known");
    for line in [
        "\nimport github:issues/create-comment@2022.11.28;\n",
        "\nuse   = \"NAME\"\n",
        "\nwhere = { owner = \"OWNER\", repo = \"REPO\" }",
    ] {
        assert!(known.contains(line), "{known}");
    }
    for (name, near) in [
        (
            "github:issues/create-coment",
            "github:issues/create-comment",
        ),
        ("githib:issues/get@2022.11.28", "github:issues/get"),
    ] {
        assert_eq!(hint(name), Some(format!("did you mean `{near}`?")));
    }
    assert_eq!(hint("stripe:charges/create"), None);
    assert_eq!(hint(&"github:".repeat(1000)), None);
    // Where no connector is known, nothing is said rather than something wrong.
    let denied = by_name(&Policy::nothing(), "github:issues/get", "{}").expect_err("nothing");
    assert_eq!(denied.hint(), None);
}

#[test]
fn a_header_that_no_guest_may_see_is_not_let_through_for_the_connector() {
    let mut odd = comment();
    odd.reply.reset = Some(HeaderName::from_static("set-cookie"));
    let approved = approved(&granting(odd, Vec::new()), GOOD);
    assert!(approved.reply_headers().extra().is_empty());
}

#[test]
fn a_condition_on_what_is_no_argument_refuses_every_call() {
    let bound = vec![condition("owned", Matcher::Any)];
    let denied = denied(&granting(comment(), bound), GOOD);
    assert_eq!(denied.code(), Code::BUG);
}
