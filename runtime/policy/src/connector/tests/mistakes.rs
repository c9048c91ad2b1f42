//! One change to a good connector, and the one problem that it makes.

use super::{TOML, WIT, problems, texts};

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
    ]);
}

#[test]
fn mistakes_of_its_headers_and_names_are_told() {
    check(&[
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
    ]);
}

#[test]
fn mistakes_of_a_query_or_a_header_are_told() {
    check(&[
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
            "package widgets:shop@1.2.0;\n",
            "",
            "AB0126 0.wit:1 no `package` header was found in any WIT file for this package",
        ),
        (
            "interface find {",
            "interface find {\n  use types.{find};",
            "AB0126 0.wit:14 name `find` does not exist",
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
fn words_effects_and_methods_are_held_to_what_they_can_mean() {
    check(&[
        (
            "{ size = \"{size}\", page_size",
            "{ Key = \"1\", size = \"{size}\", page_size",
            "AB0126 connector.toml:24 the parameter `Key` is where the key goes",
        ),
        (
            "\"destroy\"",
            "\"read\"",
            "AB0304 connector.toml:43 a `PUT` request is seldom a `read`; `write`, if it changes something",
        ),
        (
            "GET /v1/{shop}/widgets",
            "HEAD /v1/{shop}/widgets",
            "AB0126 0.wit:22 the reply to a `HEAD` request has no body to read a result from; give `result<_, error>`",
        ),
        (
            "GET /v1/{shop}/widgets",
            "DELETE /v1/{shop}/widgets",
            "AB0126 connector.toml:26 a `DELETE` request is no `read`; `destroy`, or `write` where what is removed can be brought back",
        ),
        (
            "Widgets, for tests",
            "Widgets\\norigin: other",
            "AB0126 connector.toml:3 `about` holds the character U+000A; write it as one line, without control characters",
        ),
        (
            "widgets: write",
            "widgets\\u061c: write",
            "AB0126 connector.toml:35 `operations.\"shop/change\".permission` holds the character U+061C; write it as one line, without control characters",
        ),
    ]);
}

#[test]
fn an_operation_that_is_there_twice_is_one_mistake() {
    let at = TOML
        .find("[operations.\"shop/change\"]")
        .expect("it is there");
    let end = TOML
        .find("[operations.\"shop/upload\"]")
        .expect("it is there");
    let twice = format!("{TOML}\n{}", &TOML[at..end]);
    let found = problems(&texts(&twice, &[WIT]));
    assert_eq!(
        found,
        ["AB0106 connector.toml:46 `shop/change` is there twice"]
    );
    let key = TOML.replace("scope        = []", "scope        = []\nscope        = []");
    let found = problems(&texts(&key, &[WIT]));
    assert_eq!(found, ["AB0106 connector.toml:45 `scope` is there twice"]);
}

#[test]
fn a_connector_without_wit_is_told_that_it_has_none() {
    let found = problems(&texts(&TOML.replace("name ", "nmae "), &[]));
    assert_eq!(
        found,
        [
            "AB0126 connector.toml:1 no `.wit` file is beside `connector.toml`; the operations are \
          written in WIT, in files whose names end in `.wit`"
        ]
    );
}
