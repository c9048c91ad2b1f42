//! What a connector may say, and what each mistake in one is told.

use http::Method;

use super::wit;
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

/// Makes one change to the connector and says what is wrong with it then.
#[track_caller]
fn changed(from: &str, to: &str) -> Vec<String> {
    let (in_toml, in_wit) = (TOML.contains(from), WIT.contains(from));
    assert!(in_toml != in_wit, "`{from}` is in one of the two texts");
    problems(&texts(
        &TOML.replacen(from, to, usize::from(in_toml)),
        &[&WIT.replacen(from, to, usize::from(in_wit))],
    ))
}

/// Each change, and the one problem it makes.
#[track_caller]
fn check(changes: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (from, to, expected) in changes {
        let found = changed(from, to);
        if found != [*expected] {
            wrong.push(format!("`{from}` to `{to}`:\n  {expected}\n  {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    let copy = built_in("github").wit;
    let signature = wit::signature(&copy, "create-comment").expect("an interface");
    let signature = signature.expect("a function");
    assert_eq!(signature.params().count(), 1);
    assert!(wit::signature(&copy, "types").is_some_and(|found| found.is_err()));
    assert!(wit::signature(&copy, "unheard-of").is_none());
    assert!(wit::signature(&[], "get").is_none());
}

#[test]
fn mistakes_of_the_whole_connector_are_told() {
    check(&[
        (
            "connector = 1\n",
            "\n",
            "AB0126 connector.toml:1 the connector does not say which version of the format it is written in; start it with `connector = 1`",
        ),
        (
            "connector = 1",
            "connector = 2",
            "AB0126 connector.toml:1 `connector = 2` is not a version that this build reads; this build reads `connector = 1`",
        ),
        (
            "names  =",
            "nmaes  =",
            "AB0104 connector.toml:6 unknown key `nmaes`; did you mean `names`?",
        ),
        (
            "\"camelCase\"",
            "\"PascalCase\"",
            "AB0107 connector.toml:6 `PascalCase` is no way to spell names; one of `snake_case`, `camelCase`, `kebab-case`",
        ),
        (
            "https://api.widgets.example",
            "http://api.widgets.example",
            "AB0107 connector.toml:4 `http://api.widgets.example` would send calls in the clear; plain HTTP goes to a loopback address such as `127.0.0.1` only; use `https`",
        ),
        (
            "https://api.widgets.example",
            "https://api.widgets.example/v1",
            "AB0107 connector.toml:4 `https://api.widgets.example/v1` is not an origin: something after the host and port",
        ),
        (
            "{ query = \"key\" }",
            "\"baerer\"",
            "AB0107 connector.toml:5 `baerer` is not a placement; one of `\"bearer\"`, `{ basic = \"USER\" }`, `{ header = \"NAME\" }`, `{ query = \"NAME\" }`",
        ),
        (
            "[\"/error/message\", \"/error\"]",
            "[\"error\"]",
            "AB0126 connector.toml:10 `error` is not a pointer; a pointer is empty, or starts with `/`",
        ),
        (
            "\"/error/wait\"",
            "\"/*/wait\"",
            "AB0126 connector.toml:11 `/*/wait` gives a list, and this is none",
        ),
        (
            "\"x-reset\"",
            "\"set-cookie\"",
            "AB0107 connector.toml:12 `set-cookie` is not a reply's header that can be read",
        ),
        (
            "{ accept = \"application/widgets+json\" }",
            "{ authorization = \"Bearer x\" }",
            "AB0126 connector.toml:7 the header `authorization` can hold a key, which only a policy gives; leave it out",
        ),
        (
            "{ accept = \"application/widgets+json\" }",
            "{ accept = \"{shop}\" }",
            "AB0126 connector.toml:7 a header of every request has no hole; write it under the operation whose parameter fills it",
        ),
        (
            "package widgets:shop@1.2.0;",
            "package widgets:shop;",
            "AB0126 0.wit:1 the package `widgets:shop` has no version; write one: `package widgets:shop@1.0.0;`",
        ),
        (
            "package widgets:shop@1.2.0;",
            "package gadgets:shop@1.2.0;",
            "AB0126 0.wit:1 the package `gadgets:shop@1.2.0` is not of the namespace `widgets`; call it `widgets:shop`",
        ),
        (
            "name   = \"widgets\"",
            "name   = \"Widgets\"",
            "AB0107 connector.toml:2 `Widgets` is not a connector's name; a name is words of lower-case letters and digits, with `-` between them",
        ),
        (
            "name   = \"widgets\"",
            "name   = \"agentbox\"",
            "AB0107 connector.toml:2 `agentbox` is no connector's name: it is taken",
        ),
    ]);
}

#[test]
fn mistakes_of_a_request_are_told() {
    let shop = "`find` has no parameter `shpo`; did you mean `shop`?";
    check(&[
        (
            "effect  = \"read\"\n",
            "",
            "AB0107 connector.toml:22 `operations.\"shop/find\"` needs `effect`",
        ),
        (
            "\"read\"",
            "\"raed\"",
            "AB0107 connector.toml:26 `raed` is not an effect; one of `read`, `write`, `destroy`, `spend`, `admin`",
        ),
        (
            "scope   = [\"shop\"]\n",
            "",
            "AB0107 connector.toml:22 `operations.\"shop/find\"` needs `scope`",
        ),
        (
            "scope   = [\"shop\"]",
            "scope   = [\"shpo\"]",
            &format!("AB0126 connector.toml:27 {shop}"),
        ),
        (
            "\"GET /v1/{shop}/widgets\"",
            "\"get /v1/{shop}/widgets\"",
            "AB0126 connector.toml:23 `get` is not a method that can be granted; did you mean `GET`?",
        ),
        (
            "/v1/uploads/",
            "/v1/../uploads/",
            "AB0126 connector.toml:40 the segment `..` can never be matched; segments are written decoded, and a call with an empty or dot segment, `/`, `\\`, `%`, `#` or a control character in one is refused",
        ),
        (
            "/v1/uploads/",
            "/v1/uploads?x=1",
            "AB0126 connector.toml:40 `PUT /v1/uploads?x=1` has a query in it; write it as a table: `query = { limit = \"{limit}\" }`",
        ),
        (
            "PUT /v1/uploads/",
            "PUT https://elsewhere.example/",
            "AB0126 connector.toml:40 the path of `PUT https://elsewhere.example/` does not start with `/`; write the path alone; the origin is the connector's `origin`",
        ),
        (
            "/v1/uploads/",
            "/v1/up{x}loads/",
            "AB0126 connector.toml:40 the segment `up{x}loads` has a brace in it; `{name}` stands for one whole segment",
        ),
        (
            "/v1/uploads/",
            "/v1/{data}",
            "AB0126 connector.toml:40 `data` cannot stand here; a path holds a bool, an integer, a string, a char or an enum",
        ),
        (
            "/v1/uploads/",
            "/v1/{name}",
            "AB0126 connector.toml:40 `upload` has no parameter `name`; it has `data`",
        ),
        (
            "size = \"{size}\", ",
            "",
            "AB0126 connector.toml:22 nothing uses the parameter `size`; write `{size}` where the request has it",
        ),
        (
            "\"{size}\"",
            "\"size-{size}\"",
            "AB0126 connector.toml:24 `size-{size}` is not a hole; a value is `\"{parameter}\"` as a whole, or a text without braces",
        ),
        (
            "all = \"true\"",
            "key = \"true\"",
            "AB0126 connector.toml:24 the parameter `key` is where the key goes",
        ),
        (
            "all = \"true\"",
            "\"a b\" = \"true\"",
            "AB0126 connector.toml:24 `a b` is not a parameter's name",
        ),
        (
            "all = \"true\"",
            "all = true",
            "AB0107 connector.toml:24 `operations.\"shop/find\".query.all` is a boolean, expected a string",
        ),
        (
            "x-trace = \"{trace}\"",
            "x-trace = \"{trace}\", content-length = \"0\"",
            "AB0126 connector.toml:25 the header `content-length` is the host's own; leave it out",
        ),
        (
            "x-trace = \"{trace}\"",
            "x-trace = \"{trace}\", x-y = \"a\\nb\"",
            "AB0126 connector.toml:25 `a\\nb` cannot stand in a header; a header's value is visible ASCII, with spaces only inside",
        ),
        (
            "x-trace = \"{trace}\"",
            "x-trace = \"{trace}\", X-Trace = \"b\"",
            "AB0106 connector.toml:25 the header `x-trace` is there twice",
        ),
        (
            "reply   = \"/items\"",
            "reply   = \"/items\"\nrequset = 1",
            "AB0104 connector.toml:29 unknown key `operations.\"shop/find\".requset`; did you mean `request`?",
        ),
        (
            "[operations.\"shop/find\"]",
            "[operations.\"shop/fnid\"]",
            "AB0126 connector.toml:22 no interface with a function is called `shop/fnid`; did you mean `shop/find`?",
        ),
    ]);
}

#[test]
fn mistakes_of_bodies_and_replies_are_told() {
    check(&[
        (
            "content-type = \"application/octet-stream\"\n",
            "",
            "AB0126 connector.toml:41 a body of text or bytes needs `content-type`; such as `content-type = \"text/plain; charset=utf-8\"`",
        ),
        (
            "\"application/octet-stream\"",
            "\"bytes\"",
            "AB0126 connector.toml:42 `bytes` is not a content type; such as `text/plain; charset=utf-8`",
        ),
        (
            "effect     = \"write\"\n",
            "effect     = \"write\"\ncontent-type = \"text/plain\"\n",
            "AB0126 connector.toml:34 this body is JSON, and says so; `content-type` goes with a body that is one string or one `list<u8>`",
        ),
        (
            "PUT /v1/uploads/",
            "GET /v1/uploads/",
            "AB0126 connector.toml:41 a `GET` request has no body",
        ),
        (
            "\"fixed\", 1,",
            "\"fixed\", nan,",
            "AB0126 connector.toml:32 `operations.\"shop/change\".body.changes.tags[1]` is not a number that JSON has",
        ),
        (
            "\"fixed\", 1,",
            "\"fixed\", 2020-01-01,",
            "AB0107 connector.toml:32 `operations.\"shop/change\".body.changes.tags[1]` is a datetime, expected a value that JSON has",
        ),
        (
            "\"fixed\", 1,",
            "\"{fixed\", 1,",
            "AB0126 connector.toml:32 `{fixed` is not a hole; a value is `\"{parameter}\"` as a whole, or a text without braces",
        ),
        (
            "idempotent = \"{id}\"",
            "idempotent = \"id\"",
            "AB0107 connector.toml:36 `id` is not a hole; `true`, `false`, or the parameter that makes two calls one: `\"{id}\"`",
        ),
        (
            "total = \"/sum\"",
            "totla = \"/sum\"",
            "AB0104 connector.toml:37 unknown key `operations.\"shop/change\".reply.totla`; did you mean `total`?",
        ),
        (
            "total = \"/sum\"",
            "total = \"/*/sum\"",
            "AB0126 connector.toml:37 `/*/sum` gives a list, and this is none",
        ),
        (
            "reply   = \"/items\"",
            "reply   = { id = \"/id\" }",
            "AB0126 connector.toml:28 `reply` is a table, and the operation gives no record; write one pointer: `reply = \"/data\"`",
        ),
        (
            "effect       = \"destroy\"",
            "effect       = \"destroy\"\nreply = \"/x\"",
            "AB0126 connector.toml:44 the operation gives nothing, so `reply` has no use",
        ),
        (
            "[types.\"shop/widget\"]",
            "[types.\"shop/wigdet\"]",
            "AB0126 connector.toml:14 no record or enum is called `shop/wigdet`; did you mean `shop/widget`?",
        ),
        (
            "color = { key = \"colour\" }",
            "colour = \"/colour\"",
            "AB0104 connector.toml:17 unknown key `types.\"shop/widget\".colour`; did you mean `color`?",
        ),
        (
            "\"/tags/*/name\"",
            "{ text = true }",
            "AB0126 connector.toml:16 `tags` is not a string; `text` reads a whole number as a string",
        ),
        (
            "\"/tags/*/name\"",
            "\"/tags/*/name/*\"",
            "AB0126 connector.toml:16 `/tags/*/name/*` is not a pointer; a pointer has at most one `*`",
        ),
    ]);
}

#[test]
fn mistakes_of_the_wit_are_told() {
    check(&[
        (
            "upload: func(data: list<u8>) -> result<_, failure>;",
            "upload: func(data: list<u8>);",
            "AB0126 0.wit:34 `upload` does not give `result<T, error>`; its `error` is the one of `use agentbox:host/errors@0.1.0.{error};`",
        ),
        (
            "upload: func(data: list<u8>) -> result<_, failure>;",
            "upload: func(data: list<u8>) -> result<_, string>;",
            "AB0126 0.wit:34 `upload` does not give `result<T, error>`; its `error` is the one of `use agentbox:host/errors@0.1.0.{error};`",
        ),
        (
            "upload: func(data: list<u8>) -> result<_, failure>;",
            "load: func(data: list<u8>) -> result<_, failure>;",
            "AB0126 0.wit:34 the function of `upload` is called `load`; call it `upload`, as its interface",
        ),
        (
            "upload: func(data: list<u8>) -> result<_, failure>;",
            "upload: func(data: list<u8>) -> result<_, failure>;\n  more: func();",
            "AB0126 0.wit:35 the interface `upload` has more than one function; give each operation an interface of its own",
        ),
        (
            "upload: func(data: list<u8>) -> result<_, failure>;",
            "upload: async func(data: list<u8>) -> result<_, failure>;",
            "AB0126 0.wit:34 `upload` is not a plain function",
        ),
        (
            "tag: tuple<u8, bool>",
            "tag: tuple<u8, result<bool>>",
            "AB0126 0.wit:28 `tag.1` is a result, which JSON cannot carry",
        ),
        (
            "record changed { content: string, total: s64 }",
            "flags rights { a, b }\n  record changed { content: string, total: list<rights> }",
            "AB0126 0.wit:29 `result.total[]` is flags, which JSON cannot carry",
        ),
        (
            "color: option<string>",
            "color: option<option<string>>",
            "AB0126 0.wit:22 `result[].color` is an option of an option, which JSON cannot carry",
        ),
        (
            "unit-price: f64",
            "colour: f64",
            "AB0126 0.wit:22 `result[]` is a record with two fields of one name, which JSON cannot carry",
        ),
        (
            "unit-price: f64",
            "unit-price: pirce",
            "AB0126 0.wit:9 type `pirce` does not exist",
        ),
        (
            "interface find {",
            "interface find { {",
            "AB0126 0.wit:13 expected `type`, `resource` or `func`, found '{'",
        ),
        (
            "use types.{size, widget};",
            "use types.{size, widget};\n  use other:types/here.{x};",
            "AB0126 0.wit:15 the package `other:types` is not here",
        ),
    ]);
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
