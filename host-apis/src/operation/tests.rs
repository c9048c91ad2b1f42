//! Operations called by their own functions, at a gate that is a function.

use std::time::Duration;

use agentbox_gate::{Cause, Failure};
use agentbox_policy::{Code, Policy, Sources, Text, check};
use agentbox_sandbox::Ending;
use wasmtime::component::Linker;

use super::{link, link_operations};
use crate::State;
use crate::connectors;
use crate::testing::{Fake, at_once, ending, reply, typed, typed_with};

const EVERY_TYPE: &str = "package test:api@1.0.0;
  interface echo {
    use agentbox:host/errors@0.1.0.{error};
    enum colour { red, dark-blue }
    record inner { x: u8, y: option<bool> }
    record all {
      a-bool: bool, a-u8: u8, a-s8: s8, a-u16: u16, a-s16: s16, a-u32: u32, a-s32: s32,
      a-u64: u64, a-s64: s64, a-f32: f32, a-char: char, a-f64: f64, a-string: string,
      an-enum: colour, an-option: option<u32>, no-option: option<string>, bytes: list<u8>,
      names: list<string>, pair: tuple<u8, string>, inner: inner,
    }
    echo: func(all: all) -> result<all, error>;
  }
  world w { import echo; export run: func() -> result<string, string>; }";

/// Asks for an echo of the record at 0, and then for an echo of that echo.
const ECHO_TWICE: &str = r#"(module
  (import "test:api/echo@1.0.0" "echo" (func $echo (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01\ff\80\00" "\ff\ff\00\80" "\ff\ff\ff\ff" "\00\00\00\80"
    "\ff\ff\ff\ff\ff\ff\ff\ff" "\00\00\00\00\00\00\00\80" "\cd\cc\cc\3d" "\00\f6\01\00"
    "\9a\99\99\99\99\99\b9\3f" "\00\02\00\00\08\00\00\00" "\01\00\00\00" "\01\00\00\00\07\00\00\00"
    "\00\00\00\00\00\00\00\00\00\00\00\00" "\10\02\00\00\03\00\00\00" "\20\02\00\00\02\00\00\00"
    "\09\00\00\00\14\02\00\00\01\00\00\00" "\05\01\01\00")
  (data (i32.const 0x200) "a\22\\\00\c3\a4\0a\7f" "\00\00\00\00\00\00\00\00" "\00\ff\10\00" "ab")
  (data (i32.const 0x220) "\14\02\00\00\02\00\00\00" "\14\02\00\00\00\00\00\00")
  (global $next (mut i32) (i32.const 0x1000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $good (param $all i32) (param $to i32)
    (call $echo (local.get $all) (local.get $to))
    (if (i32.load8_u (local.get $to)) (then unreachable)))
  (func (export "run") (result i32)
    (call $good (i32.const 0) (i32.const 0x400))
    (call $good (i32.const 0x408) (i32.const 0x600))
    (i32.const 0x800)))"#;

fn linking(
    import: &'static str,
    function: &'static str,
    most: usize,
) -> impl FnOnce(&mut Linker<State>, &agentbox_sandbox::Program) {
    move |linker, _| {
        let name = import.split('@').next().unwrap_or_default();
        link(linker, import, function, name.into(), most).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_every_type_makes_the_way_out_and_back() {
    let gate = Fake::new(|call| at_once(Ok(reply(crate::testing::arguments(&call.head)))));
    let program = typed(EVERY_TYPE, ECHO_TWICE);
    let echo = linking("test:api/echo@1.0.0", "echo", 1 << 20);
    let ended = ending(&program, gate.clone(), echo).await;
    assert_eq!(ended, Ending::Returned(Ok(String::new())));
    let expected = concat!(
        r#"{"a-bool":true,"a-u8":255,"a-s8":-128,"a-u16":65535,"a-s16":-32768,"a-u32":4294967295,"#,
        r#""a-s32":-2147483648,"a-u64":18446744073709551615,"a-s64":-9223372036854775808,"#,
        r#""a-f32":0.1,"a-char":"😀","a-f64":0.1,"a-string":"a\"\\\u0000ä\n"#,
        "\u{7f}",
        r#"","an-enum":"dark-blue","an-option":7,"bytes":"AP8Q","names":["ab",""],"#,
        r#""pair":[9,"a"],"inner":{"x":5,"y":true}}"#
    );
    let asked = gate.arguments();
    assert_eq!(asked[0], expected);
    assert_eq!(asked[0], asked[1], "what came back is what went out");
}

const TEXT: &str = "package test:api@1.0.0;
  interface post {
    use agentbox:host/errors@0.1.0.{error};
    post: func(text: string, weight: f64) -> result<_, error>;
  }
  world w { import post; export run: func() -> result<string, string>; }";

/// Posts `length` bytes with a weight, and returns the first text of the error, or `sent`.
fn post(length: usize, weight: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
  (import "test:api/post@1.0.0" "post" (func $post (param i32 i32 f64 i32)))
  (memory (export "memory") 64)
  (data (i32.const 0x200) "sent")
  (global $next (mut i32) (i32.const 0x1000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "run") (result i32)
    (call $post (i32.const 0x10000) (i32.const {length}) (f64.const {weight}) (i32.const 0))
    (i32.store (i32.const 0x104) (i32.const 0x200))
    (i32.store (i32.const 0x108) (i32.const 4))
    (if (i32.load8_u (i32.const 0)) (then
      (i32.store (i32.const 0x100) (i32.const 1))
      (if (i32.eq (i32.load8_u (i32.const 4)) (i32.const 2))
        (then (i64.store (i32.const 0x104) (i64.load (i32.const 12))))
        (else (i64.store (i32.const 0x104) (i64.load (i32.const 8)))))))
    (i32.const 0x100)))"#
    );
    typed(TEXT, &module)
}

async fn posted(given: Option<Failure>) -> Ending {
    let gate = Fake::new(move |_| at_once(given.clone().map_or_else(|| Ok(reply("null")), Err)));
    let link = linking("test:api/post@1.0.0", "post", 1 << 20);
    ending(&post(3, "1"), gate, link).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_is_an_error_that_the_program_can_read() {
    let sent = Ending::Returned(Ok("sent".into()));
    assert_eq!(posted(None).await, sent);
    let waits = Some(Duration::from_secs(9));
    for (cause, says) in [
        (Cause::Denied, "AB0203"),
        (Cause::Stopped, "AB0203"),
        (Cause::RequestBody, "AB0203"),
        (Cause::Timeout, "too bad"),
        (Cause::Credential, "too bad"),
        (Cause::InvalidReply, "too bad"),
        (
            Cause::Limit {
                name: "writes".into(),
                retry_after: waits,
            },
            "AB0203",
        ),
        (
            Cause::Upstream {
                status: 429,
                retry_after: waits,
            },
            "too bad",
        ),
    ] {
        let failure = Failure::new(Code::ARGUMENT_DENIED, cause.clone(), "too bad");
        let expected = Ending::Returned(Err(says.into()));
        assert_eq!(posted(Some(failure)).await, expected, "{cause:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_json_does_not_have_comes_to_the_gate_as_refused() {
    for weight in ["nan", "inf", "-inf"] {
        let gate = Fake::new(|_| at_once(Ok(reply("null"))));
        let link = linking("test:api/post@1.0.0", "post", 1 << 20);
        let ended = ending(&post(3, weight), gate.clone(), link).await;
        assert_eq!(ended, Ending::Returned(Err("AB0213".into())), "{weight}");
        assert_eq!(gate.refused(), ["AB0213"]);
        assert_eq!(gate.asked().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_past_the_bound_reach_the_gate_as_their_length_alone() {
    let gate = Fake::new(|_| at_once(Ok(reply("null"))));
    let link = linking("test:api/post@1.0.0", "post", 1000);
    ending(&post(3_000_000, "1"), gate.clone(), link).await;
    assert_eq!(gate.arguments(), [" ".repeat(1001)]);

    let gate = Fake::new(|_| at_once(Ok(reply("null"))));
    // Every NUL is six bytes of JSON: a text within the bound, and past it once it is written.
    let link = linking("test:api/post@1.0.0", "post", 1000);
    ending(&post(200, "1"), gate.clone(), link).await;
    assert_eq!(gate.arguments(), [" ".repeat(1001)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_another_type_is_invalid() {
    let program = typed(EVERY_TYPE, ECHO_TWICE);
    let all = r#"{"a-bool":true,"a-u8":255,"a-s8":0,"a-u16":0,"a-s16":0,"a-u32":0,"a-s32":0,
        "a-u64":0,"a-s64":0,"a-f32":0,"a-char":"a","a-f64":0,"a-string":"","an-enum":"red",
        "bytes":"","names":[],"pair":[1,""],"inner":{"x":1}}"#;
    let bad = [
        all.replace("255", "256"),
        all.replace("255", "1.5"),
        all.replace("255", "\"1\""),
        all.replace("true", "null"),
        all.replace("\"red\"", "\"green\""),
        all.replace("\"a-char\":\"a\"", "\"a-char\":\"ab\""),
        all.replace("\"bytes\":\"\"", "\"bytes\":\"A\""),
        all.replace("[1,\"\"]", "[1]"),
        all.replace("[1,\"\"]", "[1,\"\",2]"),
        all.replace("\"inner\":{\"x\":1}", "\"inner\":{}"),
        all.replace("\"inner\":{\"x\":1}", "\"inner\":{\"x\":1,\"z\":1}"),
        format!("{all} 1"),
        String::new(),
    ];
    let goes = std::iter::once((all.to_owned(), true));
    for (json, good) in goes.chain(bad.into_iter().map(|json| (json, false))) {
        let given = json.clone();
        let gate = Fake::new(move |_| at_once(Ok(reply(given.clone()))));
        let link = linking("test:api/echo@1.0.0", "echo", 1 << 20);
        let ended = ending(&program, gate, link).await;
        // The program traps on any error.
        assert_eq!(
            matches!(ended, Ending::Returned(_)),
            good,
            "{json}: {ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_not_linked() {
    let gate = Fake::new(|_| at_once(Ok(reply("null"))));
    let ended = ending(&post(3, "1"), gate, |linker, program| {
        link_operations(linker, program.imports(), &Policy::nothing()).unwrap();
    })
    .await;
    assert!(matches!(ended, Ending::NotStarted(_)), "{ended:?}");
}

const ISSUES: &str = include_str!("../../connectors/github/issues.wit");

const COMMENTS: &str = "package acme:bot@0.1.0;
  world w {
    import github:issues/create-comment@2022.11.28;
    export run: func() -> result<string, string>;
  }";

/// Comments with `length` bytes of text, and returns the comment's id.
fn comment(wit: &str, world: &str, length: usize) -> Vec<u8> {
    let version = world.split(['@', ';']).nth(3).unwrap_or_default();
    let module = format!(
        r#"(module
  (import "github:issues/create-comment@{version}" "create-comment"
    (func $comment (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 0x100) "acmewidgets")
  (global $next (mut i32) (i32.const 0x1000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "run") (result i32)
    (call $comment (i32.const 0x100) (i32.const 4) (i32.const 0x104) (i32.const 7) (i32.const 7)
      (i32.const 0x100) (i32.const {length}) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i64.store (i32.const 0x84) (i64.load (i32.const 4)))
    (i32.const 0x80)))"#
    );
    typed_with(&[wit], world, &module)
}

fn commenting(bounds: &str) -> Policy {
    let toml = format!(
        r#"policy = 1
        world = "acme:bot/w"
        [grants."github:issues/create-comment"]
        where = {{ owner = "acme", repo = "widgets" }}
        {bounds}"#
    );
    let text = |name: &str, text: &str| Text {
        name: name.into(),
        text: text.into(),
    };
    let sources = Sources {
        toml: text("agentbox.toml", &toml),
        wit: vec![text("wit/world.wit", COMMENTS)],
        connectors: connectors::built_in(),
        ..Sources::default()
    };
    Policy::parse(&sources).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_granted_is_linked_under_its_own_types() {
    let policy = commenting("[run]\narguments = \"200 B\"");
    let given = r#"{"id":"8","html-url":"https://a.test/8"}"#;
    for (length, arguments) in [
        (
            4,
            r#"{"owner":"acme","repo":"widgets","issue-number":7,"body":"acme"}"#.to_owned(),
        ),
        (200, " ".repeat(201)),
    ] {
        let gate = Fake::new(move |_| at_once(Ok(reply(given))));
        let program = comment(ISSUES, COMMENTS, length);
        let ended = ending(&program, gate.clone(), |linker, program| {
            check(&policy, program.imports()).unwrap();
            link_operations(linker, program.imports(), &policy).unwrap();
        })
        .await;
        assert_eq!(ended, Ending::Returned(Ok("8".into())));
        assert_eq!(gate.arguments(), [arguments]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_or_another_type_of_an_operation_is_refused() {
    let policy = commenting("");
    let (old, new) = ("2022.11.28", "2022.11.29");
    let later = comment(&ISSUES.replace(old, new), &COMMENTS.replace(old, new), 4);
    let gate = Fake::new(|_| at_once(Ok(reply("{}"))));
    let ended = ending(&later, gate.clone(), |linker, program| {
        let refused = check(&policy, program.imports()).unwrap_err();
        assert_eq!(refused[0].code, Code::UNGRANTED_IMPORT);
        link_operations(linker, program.imports(), &policy).unwrap();
    })
    .await;
    assert!(matches!(ended, Ending::NotStarted(_)), "{ended:?}");
    let other = ISSUES.replace("id: string,", "ident: string,");
    ending(&comment(&other, COMMENTS, 4), gate.clone(), |_, program| {
        let refused = check(&policy, program.imports()).unwrap_err();
        assert_eq!(refused[0].code, Code::TYPE_MISMATCH);
    })
    .await;
    assert!(gate.arguments().is_empty());
}
