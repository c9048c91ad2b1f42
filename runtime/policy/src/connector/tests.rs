//! What a connector may say, and what each mistake in one is told.

mod mistakes;

use http::Method;

use super::wit::Copy;
use crate::operation::{BodyTemplate, Filling, JsonTemplate, Segment};
use crate::shape::{Pointer, Shape};
use crate::testing::{built_in, connector, operation};
use crate::{Connector, ConnectorText, Effect, Idempotency, PolicyProblem, Text};

/// A connector with a little of everything; each mistake below is one change to it.
const TOML: &str = r#"connector = 1
name   = "widgets"
about  = "Widgets, for tests"
origin = "https://api.widgets.example"
as     = { query = "key" }
names  = "camelCase"
headers = { accept = "application/widgets+json" }

[errors]
message = ["/error/message", "/error"]
retry-after-ms = "/error/wait"
reset = "x-reset"

[types."shop/widget"]
id    = { at = "/meta/id", text = true }
tags  = "/tags/*/name"
color = { key = "colour" }

[types."shop/size"]
extra-large = { key = "XL" }

[operations."shop/find"]
request = "GET /v1/{shop}/widgets"
query   = { size = "{size}", page_size = "{page-size}", all = "true" }
headers = { x-trace = "{trace}" }
effect  = "read"
scope   = ["shop"]
reply   = "/items"

[operations."shop/change"]
request    = "PATCH /v1/{shop}/files/{+path}"
body       = { changes = { note = "{note}", tags = ["fixed", 1, "{tag}"] } }
effect     = "write"
scope      = ["shop", "path"]
permission = "widgets: write"
idempotent = "{id}"
reply      = { content = "/0/content", total = "/sum" }

[operations."shop/upload"]
request      = "PUT /v1/uploads/"
body         = "{data}"
content-type = "application/octet-stream"
effect       = "destroy"
scope        = []
"#;

const WIT: &str = r#"package widgets:shop@1.2.0;

interface types {
  enum size { small, extra-large }
  record widget {
    id: string,
    tags: list<string>,
    color: option<string>,
    unit-price: f64,
  }
}

interface find {
  use types.{size, widget};
  use agentbox:host/errors@0.1.0.{error};
  record params {
    shop: string,
    size: option<size>,
    page-size: option<u8>,
    trace: option<string>,
  }
  find: func(p: params) -> result<list<widget>, error>;
}

interface change {
  use agentbox:host/errors@0.1.0.{error};
  record changed { content: string, total: s64 }
  change: func(shop: string, path: string, note: option<string>, tag: tuple<u8, bool>, id: string)
    -> result<changed, error>;
}

interface upload {
  use agentbox:host/errors@0.1.0.{error as failure};
  upload: func(data: list<u8>) -> result<_, failure>;
}

world shopper {
  import find;
}
"#;

fn texts(toml: &str, wit: &[&str]) -> ConnectorText {
    let wit = wit.iter().enumerate().map(|(at, text)| Text {
        name: format!("{at}.wit"),
        text: (*text).to_owned(),
    });
    ConnectorText {
        toml: Text {
            name: "connector.toml".to_owned(),
            text: toml.to_owned(),
        },
        wit: wit.collect(),
    }
}

fn shown(problem: &PolicyProblem) -> String {
    let hint = problem.hint().map(|hint| format!("; {hint}"));
    format!(
        "{} {}:{} {}{}",
        problem.code(),
        problem.file(),
        problem.line(),
        problem.message(),
        hint.unwrap_or_default()
    )
}

/// What is wrong with a connector, in the order of its texts.
fn problems(text: &ConnectorText) -> Vec<String> {
    match Connector::parse(text) {
        Ok((_, warnings)) => warnings.iter().map(shown).collect(),
        Err(errors) => errors.problems().iter().map(shown).collect(),
    }
}

#[test]
fn the_built_in_connectors_are_read_without_a_warning() {
    for (name, operations) in [("github", 5), ("matrix", 4), ("openai", 1), ("vault", 2)] {
        assert_eq!(problems(&built_in(name)), [""; 0], "{name}");
        let connector = connector(&built_in(name));
        assert_eq!(connector.name(), name);
        assert_eq!(connector.operations().count(), operations, "{name}");
        assert_eq!(connector.digest().len(), 64);
        assert_eq!(built_in(name).name(), name);
    }
}

#[test]
fn an_operation_has_all_that_the_texts_say_of_it() {
    let connector = connector(&texts(TOML, &[WIT]));
    let operations: Vec<_> = connector.operations().collect();
    let [find, change, upload] = operations[..] else {
        panic!("{operations:?}");
    };
    assert_eq!(find.import(), "widgets:shop/find@1.2.0");
    assert_eq!(find.function(), "find");
    assert_eq!(find.route(), "GET /v1/{shop}/widgets");
    assert_eq!(find.effect(), Effect::Read);
    assert_eq!(find.idempotency(), &Idempotency::Always);
    assert_eq!(find.scope().collect::<Vec<_>>(), ["shop"]);
    let names: Vec<_> = find.arguments().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["shop", "size", "page-size", "trace"]);
    let hole = |name: &str| Filling::Hole(name.into());
    let pair = |name: &str, filling| (name.to_owned(), filling);
    assert_eq!(
        find.request.query,
        [
            pair("size", hole("size")),
            pair("page_size", hole("page-size")),
            pair("all", Filling::Literal("true".to_owned())),
        ]
    );
    let headers: Vec<_> = find
        .request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(headers, ["accept", "x-trace"]);
    assert_eq!(find.reply.value.to_string(), "/items");
    assert_eq!(find.reply.message.len(), 2);
    assert!(find.reply.retry_after_ms.is_some() && find.reply.reset.is_some());

    assert_eq!(change.request.method, Method::PATCH);
    assert_eq!(
        change.request.path,
        [
            Segment::Literal("v1".to_owned()),
            Segment::Hole("shop".into()),
            Segment::Literal("files".to_owned()),
            Segment::Rest("path".into()),
        ]
    );
    assert!(!change.request.slash && upload.request.slash);
    assert_eq!(change.permission(), Some("widgets: write"));
    assert_eq!(change.idempotency(), &Idempotency::ByKey("id".into()));
    let Some(BodyTemplate::Json(JsonTemplate::Object(body))) = &change.request.body else {
        panic!("{:?}", change.request.body);
    };
    assert_eq!(body.len(), 1);
    let Some(Shape::Record(fields)) = change.value() else {
        panic!("{:?}", change.value());
    };
    assert_eq!(fields[0].at, Pointer::parse("/0/content").ok());

    assert!(upload.value().is_none());
    assert!(matches!(
        &upload.request.body,
        Some(BodyTemplate::Raw { hole, .. }) if **hole == *"data"
    ));
}

#[test]
fn names_follow_the_api_and_types_say_where_a_field_is() {
    let connector = connector(&texts(TOML, &[WIT]));
    let find = connector.operations().next().expect("an operation");
    let Some(Shape::List(widget)) = find.value() else {
        panic!("{:?}", find.value());
    };
    let Shape::Record(fields) = &**widget else {
        panic!("{widget:?}");
    };
    let fields: Vec<_> = fields
        .iter()
        .map(|field| {
            let at = field.at.as_ref().map(ToString::to_string);
            (field.key.as_str(), at.unwrap_or_default(), field.text)
        })
        .collect();
    let expected = [
        ("id", "/meta/id", true),
        ("tags", "/tags/*/name", false),
        ("colour", "", false),
        ("unitPrice", "", false),
    ];
    assert_eq!(
        fields,
        expected.map(|(key, at, text)| (key, at.to_owned(), text))
    );
    let arguments = find.arguments();
    let Some((_, Shape::Option(size))) = arguments.iter().find(|(name, _)| *name == "size") else {
        panic!("{arguments:?}");
    };
    let Shape::Enum(cases) = &**size else {
        panic!("{size:?}");
    };
    let cases: Vec<_> = cases.iter().map(|case| (&*case.name, &*case.key)).collect();
    assert_eq!(cases, [("small", "small"), ("extra-large", "XL")]);
}

#[test]
fn without_a_word_on_it_only_post_and_patch_are_not_repeatable() {
    for (name, expected) in [
        ("github:issues/create-comment", Idempotency::Never),
        ("github:issues/get", Idempotency::Always),
        ("github:issues/add-labels", Idempotency::Always),
        (
            "matrix:client/send-message",
            Idempotency::ByKey("transaction-id".into()),
        ),
    ] {
        assert_eq!(operation(name).idempotency(), &expected, "{name}");
    }
}

#[test]
fn the_signature_of_a_copy_is_found_by_its_interface() {
    let copy = Copy::read(&built_in("github").wit);
    let signature = copy.signature("create-comment").expect("an interface");
    let signature = signature.expect("a function");
    assert_eq!(signature.params().count(), 1);
    assert!(copy.signature("types").is_some_and(|found| found.is_err()));
    assert!(copy.signature("unheard-of").is_none());
    assert!(Copy::read(&[]).signature("get").is_none());
}

#[test]
fn a_function_without_an_operation_is_a_warning() {
    let at = TOML
        .find("[operations.\"shop/upload\"]")
        .expect("it is there");
    let found = problems(&texts(&TOML[..at], &[WIT]));
    let expected = "AB0302 0.wit:32 nothing says how `shop/upload` is requested; \
                    write `[operations.\"shop/upload\"]`";
    assert_eq!(
        found,
        [expected.replace("AB0302", &crate::Code::UNUSED.to_string())]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_both_files() {
    let toml = TOML
        .replace("\"read\"", "\"raed\"")
        .replace("names  =", "nmaes  =")
        .replace("{+path}", "{+pth}");
    let wit = WIT.replace("result<_, failure>", "result<_, string>");
    let found = problems(&texts(&toml, &[&wit]));
    let places: Vec<_> = found
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    let expected = [
        "0.wit:34",
        "connector.toml:6",
        "connector.toml:26",
        "connector.toml:31",
    ];
    assert_eq!(places, expected, "{found:#?}");
}

#[test]
fn packages_of_one_name_are_refused_whatever_their_versions() {
    let other = "package widgets:shop@2.0.0;\ninterface more {}\n";
    let found = problems(&texts(TOML, &[WIT, other]));
    assert_eq!(
        found,
        ["AB0106 1.wit:1 the package `widgets:shop` is there twice"]
    );
    let nested = format!("{WIT}\npackage widgets:inner@1.0.0 {{ interface i {{}} }}\n");
    let found = problems(&texts(TOML, &[&nested]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`widgets:inner@1.0.0` is nested in another package"));
}

#[test]
fn packages_of_one_connector_use_each_other_in_any_order() {
    let shared =
        "package widgets:base@1.0.0;\ninterface types { enum size { small, extra-large } }\n";
    let wit = WIT.replace(
        "  enum size { small, extra-large }\n",
        "  use widgets:base/types@1.0.0.{size};\n",
    );
    let toml = TOML.replace("shop/size", "base/size");
    for files in [[shared, &wit], [&wit, shared]] {
        assert_eq!(problems(&texts(&toml, &files)), [""; 0]);
    }
}

#[test]
fn texts_that_are_too_large_or_not_plain_are_refused() {
    let large = format!("{TOML}#{}", "x".repeat(1 << 20));
    let found = problems(&texts(&large, &[WIT]));
    assert_eq!(
        found,
        ["AB0107 connector.toml:1 the file is larger than 1 MiB"]
    );
    let large = format!("{WIT}//{}", "x".repeat(1 << 20));
    let found = problems(&texts(TOML, &[&large]));
    assert_eq!(found, ["AB0107 0.wit:1 the file is larger than 1 MiB"]);
    let half = format!("{WIT}//{}", "x".repeat(1 << 19));
    let found = problems(&texts(TOML, &[half.as_str(); 33]));
    let expected = "AB0126 0.wit:1 the WIT files together are larger than 16 MiB";
    assert_eq!(found, [expected]);
    let found = problems(&texts(TOML, &[&format!("{WIT}\0")]));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn types_that_multiply_or_nest_without_end_are_refused() {
    let mut wit = String::from(
        "package deep:types@1.0.0;\ninterface f {\n  use agentbox:host/errors@0.1.0.{error};\n  \
         type t0 = u8;\n",
    );
    let mut wide = wit.clone();
    let chains = ["list<T>", "T"].map(|link| {
        let mut wit = wit.clone();
        for at in 0..30_000 {
            let link = link.replace('T', &format!("t{at}"));
            wit.push_str(&format!("  type t{} = {link};\n", at + 1));
        }
        wit
    });
    for at in 0..40 {
        let next = at + 1;
        wit.push_str(&format!("  type t{next} = list<t{at}>;\n"));
        wide.push_str(&format!("  record t{next} {{ a: t{at}, b: t{at} }}\n"));
    }
    let end = "  f: func(x: t40) -> result<_, error>;\n}\n";
    let toml = "connector = 1\nname = \"deep\"\norigin = \"https://a.example\"\n\
                [operations.\"types/f\"]\nrequest = \"POST /\"\nbody = { x = \"{x}\" }\n\
                effect = \"write\"\nscope = []\n";
    let found = problems(&texts(toml, &[&format!("{wit}{end}")]));
    assert_eq!(
        found,
        ["AB0126 0.wit:45 `f` cannot be called: its types are nested more than 32 deep"]
    );
    for chain in chains {
        let end = end.replace("t40", "t30000");
        drop(problems(&texts(toml, &[&format!("{chain}{end}")])));
    }
    let wide = wide.replace("t40 {", "t99 {");
    let end = end.replace("t40", "t20");
    let found = problems(&texts(toml, &[&format!("{wide}{end}")]));
    assert_eq!(
        found,
        ["AB0126 0.wit:45 `f` cannot be called: its types have more than 10000 parts"]
    );
}

#[test]
fn any_text_is_refused_or_read_and_never_a_panic() {
    // Each prefix of the texts, and each text with one byte replaced.
    for end in (0..TOML.len())
        .step_by(7)
        .filter(|end| TOML.is_char_boundary(*end))
    {
        drop(problems(&texts(&TOML[..end], &[WIT])));
    }
    for end in (0..WIT.len()).step_by(7) {
        drop(problems(&texts(TOML, &[&WIT[..end]])));
    }
    for at in (0..TOML.len()).step_by(11) {
        for byte in ["{", "\"", "/", "*", "\u{0}"] {
            let mut text = TOML.to_owned();
            text.replace_range(at..=at, byte);
            drop(problems(&texts(&text, &[WIT])));
        }
    }
}
