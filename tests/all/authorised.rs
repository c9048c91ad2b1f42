//! What is authorised is what is sent: the record's digests are those of what a server received,
//! made by the Python of the lesson.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::agentbox::{Ground, finish};
use crate::support::api::{self, Api};
use crate::support::arrived::Arrived;
use crate::support::bot::Bot;
use crate::support::caller::{Caller, Terms};
use crate::support::guests;
use crate::support::http2::Http2;
use crate::support::tls::Authority;
use crate::support::typed::{self, MEMORY};

const COMMENT: &str = "github:issues/create-comment";
const COMMENT_IMPORT: &str = "github:issues/create-comment@2022.11.28";
const REPLY: &str = r#"{"id":1,"html_url":"u"}"#;

/// A server that answers each request alike, over one version of HTTP.
enum Server {
    Http1(Api),
    /// And the authority of its certificate.
    Http2(Http2, String),
}

impl Server {
    /// One of each version.
    fn both() -> [Self; 2] {
        let authority = Authority::new();
        [
            Self::Http1(Api::always(api::json(201, REPLY))),
            Self::Http2(
                Http2::start(&authority, 201, REPLY),
                authority.pem().to_owned(),
            ),
        ]
    }

    fn url(&self) -> String {
        match self {
            Self::Http1(api) => api.url(),
            Self::Http2(server, _) => server.url(),
        }
    }

    /// What a policy says of a server that is not public.
    fn addresses(&self) -> &'static str {
        match self {
            Self::Http1(_) => "",
            Self::Http2(..) => "addresses = [\"127.0.0.1/32\"]\n",
        }
    }

    /// The flags with which agentbox trusts it.
    fn flags(&self, ground: &Ground) -> &'static [&'static str] {
        match self {
            Self::Http1(_) => &[],
            Self::Http2(_, authority) => {
                ground.write("ca.pem", authority);
                &["--ca", "ca.pem"]
            }
        }
    }

    fn arrived(&self) -> Vec<Arrived> {
        let (arrived, version): (Vec<_>, _) = match self {
            Self::Http1(api) => (
                api.requests().iter().map(Arrived::over_http1).collect(),
                "HTTP/1.1",
            ),
            Self::Http2(server, _) => (server.arrived(), "HTTP/2.0"),
        };
        assert!(arrived.iter().all(|request| request.version == version));
        arrived
    }

    /// Checks that the record has the digests of exactly the requests that arrived, once `strip`
    /// took the key off each.
    #[track_caller]
    fn check(&self, ground: &Ground, count: usize, strip: impl Fn(Arrived) -> Arrived) {
        let arrived: Vec<_> = self
            .arrived()
            .into_iter()
            .map(|request| strip(request.without_the_hosts()))
            .collect();
        let mut expected = digests(&arrived);
        let mut found = recorded(ground);
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{arrived:#?}");
        assert_eq!(found.len(), count);
    }
}

/// The digests in the record, of the head and of the body of each call.
fn recorded(ground: &Ground) -> Vec<[String; 2]> {
    let (intents, outcomes) = (ground.events("intent"), ground.events("outcome"));
    assert_eq!(intents.len(), outcomes.len());
    let text = |value: &Value| value.as_str().expect("a digest").to_owned();
    let body = |intent: &Value| {
        let mut of = outcomes.iter().filter(|o| o["call"] == intent["call"]);
        text(&of.next().expect("each call has an outcome")["body"])
    };
    intents
        .iter()
        .map(|intent| [text(&intent["head"]), body(intent)])
        .collect()
}

/// The digests of each request, made by the Python that `wit/README.md` publishes.
fn digests(requests: &[Arrived]) -> Vec<[String; 2]> {
    let lesson = guests::sources().join("../wit/README.md");
    let lesson = std::fs::read_to_string(lesson).expect("it is checked in");
    let (_, rest) = lesson.split_once("\n```python\n").expect("it has Python");
    let (published, _) = rest.split_once("\n```\n").expect("which has an end");
    let script = format!(
        "{published}\n\nimport json, sys\n\
         for r in json.load(sys.stdin):\n    \
         print(*digests(*r[:5], bytes(r[5])))\n"
    );
    let input: Vec<_> = requests
        .iter()
        .map(|r| json!([r.method, r.scheme, r.authority, r.target, r.headers, r.body]))
        .collect();
    let mut python = Command::new("python3");
    python.args(["-c", &script]);
    let outcome = finish(python, json!(input).to_string().as_bytes());
    let printed = outcome.exits(0).out();
    let pair = |line: &str| {
        let (head, body) = line.split_once(' ').expect("two digests");
        [head.to_owned(), body.to_owned()]
    };
    printed.lines().map(pair).collect()
}

/// Requests of a program, each as the words after `http` of the probe.
const REQUESTS: &[(&str, &str, &[&str])] = &[
    ("GET", "/v1/things", &[]),
    ("GET", "/v1/a%20b%3F%C3%BC%23;c=d@e!$&'()*+,~_-.", &[]),
    ("GET", "/v1/things?page=2", &["accept:*/*"]),
    ("GET", "/v1/things?q=%2F%26&q=/?:@&bare&empty=", &[]),
    (
        "GET",
        "/v1/things",
        &[
            "x-trace:z",
            "user-agent:a probe, of 1.0",
            "accept:text/plain",
            "x-trace:a",
            "accept:",
            "accept-encoding:br",
            "if-none-match:\"1\", W/\"2\"",
        ],
    ),
    ("DELETE", "/v1/things/7", &[]),
    ("POST", "/v1/things", &[]),
    ("POST", "/v1/things", &["@"]),
    ("POST", "/v1/things", &["@no length"]),
    (
        "POST",
        "/v1/things?a",
        &[
            "content-length:16",
            "content-type:application/json",
            "@{\"text\":\"Hello\"}",
        ],
    ),
    (
        "PUT",
        "/v1/things/7/",
        &["content-type:text/plain", "@caf\u{e9}\r\n\u{1}"],
    ),
];

/// Lets the probe make [`REQUESTS`], with the key at `place`.
fn made_over_wasi_http(server: &Server, place: &str) -> Caller {
    let origin = server.url();
    let rest = format!("request-headers = [\"x-trace\"]\n{}", server.addresses());
    let caller = Caller::new(&Terms {
        place,
        allow: &[
            "GET /v1/{name}?*",
            "POST /v1/{name}?*",
            "PUT /v1/things/{id}/",
            "DELETE /v1/things/{id}",
        ],
        rest: &rest,
        ..Terms::at(&origin)
    });
    let flags = server.flags(&caller.ground);
    let mut words = vec!["each".to_owned()];
    for (method, target, rest) in REQUESTS {
        words.extend([(*method).to_owned(), format!("{origin}{target}")]);
        words.extend(rest.iter().map(|word| (*word).to_owned()));
        words.push("--".to_owned());
    }
    words.pop();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = caller.run_with(flags, &words);
    let answered = outcome.exits(0).out().matches("status: 201").count();
    assert_eq!(answered, REQUESTS.len(), "{}", outcome.out());
    caller
}

#[test]
fn what_is_on_record_of_a_request_is_what_the_server_received() {
    for server in Server::both() {
        let caller = made_over_wasi_http(&server, "\"bearer\"");
        let bearer = format!("Bearer {}", caller.key.text());
        server.check(&caller.ground, REQUESTS.len(), |request| {
            request.without_header("authorization", &bearer)
        });
    }
}

#[test]
fn a_key_in_the_query_is_no_part_of_what_is_on_record() {
    for server in Server::both() {
        let caller = made_over_wasi_http(&server, "{ query = \"key\" }");
        let pair = format!("key={}", caller.key.text());
        server.check(&caller.ground, REQUESTS.len(), |request| {
            request.without_last_parameter(&pair)
        });
    }
}

#[test]
fn the_digest_of_a_body_is_of_all_its_pieces() {
    for server in Server::both() {
        let origin = server.url();
        let caller = Caller::new(&Terms {
            allow: &["POST /v1/{name}"],
            rest: server.addresses(),
            ..Terms::at(&origin)
        });
        let flags = server.flags(&caller.ground);
        let url = format!("{origin}/v1/things");
        let outcome = caller.run_with(flags, &["long-upload", "300001", &url]);
        assert_eq!(outcome.exits(0).out(), "status: 201\n");
        assert_eq!(caller.event("outcome")["sent"], 300_001);
        let bearer = format!("Bearer {}", caller.key.text());
        server.check(&caller.ground, 1, |request| {
            request.without_header("authorization", &bearer)
        });
    }
}

/// A bot that may comment on the issues of `acme/widgets`, and call two routes beside.
fn bot(server: &Server) -> Bot {
    let rest = format!(
        "{}as = \"bearer\"\n[grants.\"{COMMENT}\"]\nuse = \"api\"\n\
         where = {{ owner = \"acme\", repo = \"widgets\" }}\n\
         [http.api]\nuse = \"api\"\n\
         allow = [\"GET /v1/{{name}}?*\", \"POST /v1/{{name}}?*\"]\n",
        server.addresses()
    );
    let imports = ["wasi:http/outgoing-handler@0.2.6", COMMENT_IMPORT];
    Bot::new(&imports, &server.url(), &rest)
}

#[test]
fn what_is_on_record_of_calls_by_name_is_what_the_server_received() {
    for server in Server::both() {
        let bot = bot(&server);
        let http = "wasi:http/outgoing-handler";
        let url = |target: &str| format!("{}{target}", server.url());
        let get = json!({ "method": "GET", "url": url("/v1/a%20b?q=%2F&q"), "headers":
            [["user-agent", "u"], ["accept", "b/b"], ["accept", "a/a"]] });
        let post = json!({ "method": "POST", "url": url("/v1/things?x"), "headers":
            [["content-type", "text/plain"]] });
        let comment = json!({ "owner": "acme", "repo": "widgets", "issue-number": 7,
            "body": "\"quoted\" caf\u{e9} \u{1f600}\n" });
        let calls = [get.to_string(), post.to_string(), comment.to_string()];
        let words = [
            http,
            &calls[0],
            http,
            &calls[1],
            "body:sent as it is",
            COMMENT,
            &calls[2],
        ];
        let outcome = bot.ask_with(server.flags(&bot.ground), &words);
        let answered = outcome.exits(0).out().matches(" ok {").count();
        assert_eq!(answered, 3, "{}", outcome.out());
        let bearer = format!("Bearer {}", bot.key.text());
        server.check(&bot.ground, 3, |request| {
            request.without_header("authorization", &bearer)
        });
    }
}

/// A program that makes one comment by a typed operation.
fn commenter() -> Vec<u8> {
    let issues = "package github:issues@2022.11.28;
        interface create-comment {
          use agentbox:host/errors@0.1.0.{error};
          record params { owner: string, repo: string, issue-number: u32, body: string }
          record comment { id: string, html-url: string }
          create-comment: func(p: params) -> result<comment, error>;
        }";
    let world = format!(
        "package test:comments@0.1.0;
        world commenter {{
          import {COMMENT_IMPORT};
          export run: func() -> result<string, string>;
        }}"
    );
    let text = format!(
        r#"(module
  (import "{COMMENT_IMPORT}" "create-comment"
    (func $comment (param i32 i32 i32 i32 i32 i32 i32 i32)))
  {MEMORY}
  (data (i32.const 16) "acmewidgetsa \"typed\" caf\c3\a9\n")
  (func (export "run") (result i32)
    (call $comment (i32.const 16) (i32.const 4) (i32.const 20) (i32.const 7) (i32.const 7)
      (i32.const 27) (i32.const 16) (i32.const 128))
    ;; The discriminant of its own result: an error, and what the call's was.
    (i32.store8 (i32.const 512) (i32.load8_u (i32.const 128)))
    (i32.const 512)))"#
    );
    typed::module(&text, &world, &[issues])
}

#[test]
fn what_is_on_record_of_a_typed_operation_is_what_the_server_received() {
    let program = commenter();
    for server in Server::both() {
        let bot = bot(&server);
        let path = bot.ground.work().join("commenter.wasm");
        std::fs::write(&path, &program).expect("it is ours");
        let flags = server.flags(&bot.ground);
        let start = ["run", "--policy", "agentbox.toml"];
        let outcome = bot
            .ground
            .run(&[&start[..], flags, &["commenter.wasm"]].concat());
        outcome.exits(0);
        let [request] = &server.arrived()[..] else {
            panic!("one request: {:?}", server.arrived())
        };
        let body: Value = serde_json::from_slice(&request.body).expect("it is JSON");
        assert_eq!(body, json!({ "body": "a \"typed\" caf\u{e9}\n" }));
        let bearer = format!("Bearer {}", bot.key.text());
        server.check(&bot.ground, 1, |request| {
            request.without_header("authorization", &bearer)
        });
    }
}

#[test]
fn an_outcome_has_no_digest_where_no_request_was_sent() {
    let unsent = |caller: &Caller| {
        let (intent, outcome) = (caller.event("intent"), caller.event("outcome"));
        assert_eq!(
            intent["head"].as_str().map(str::len),
            Some(64),
            "{intent:#}"
        );
        assert_eq!(
            (&outcome["body"], &outcome["sent"]),
            (&Value::Null, &0.into()),
            "{outcome:#}"
        );
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let origin = format!("http://{}", nobody.local_addr().expect("it has an address"));
    drop(nobody);
    let caller = Caller::new(&Terms::at(&origin));
    let url = format!("{origin}/v1/things");
    caller.run(&["http", "GET", &url]).exits(1);
    unsent(&caller);

    let [_, server] = Server::both();
    let origin = server.url();
    let terms = Terms {
        rest: server.addresses(),
        ..Terms::at(&origin)
    };
    let url = format!("{origin}/v1/things");
    // A server that is not trusted was dialled, and told nothing.
    let caller = Caller::new(&terms);
    caller.run(&["http", "GET", &url]).exits(1);
    assert_eq!(caller.event("outcome")["code"], "AB0603");
    unsent(&caller);
    let caller = Caller::new(&terms);
    caller
        .run_with(&["--dry-run"], &["http", "GET", &url])
        .exits(1);
    unsent(&caller);
    assert!(server.arrived().is_empty());
}

#[test]
fn what_was_sent_of_a_body_that_breaks_off_is_on_record() {
    let api = Api::always(api::json(200, "{}"));
    let origin = api.url();
    let caller = Caller::new(&Terms {
        allow: &["POST /v1/{name}"],
        ..Terms::at(&origin)
    });
    let url = format!("{origin}/v1/things");
    caller
        .run(&["http", "POST", &url, "content-length:10", "@short"])
        .exits(1);
    let outcome = caller.event("outcome");
    let part = Arrived {
        body: b"short".to_vec(),
        ..Arrived::default()
    };
    let [[_, body]] = &digests(&[part])[..] else {
        panic!("one pair of digests")
    };
    assert_eq!(
        (&outcome["sent"], outcome["body"].as_str()),
        (&5.into(), Some(body.as_str()))
    );
}

#[test]
fn audit_shows_both_digests_as_json() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v1/things", api.url());
    caller.run(&["http", "GET", &url]).exits(0);
    let run = caller.event("run-started")["run"].clone();
    let run = run.as_str().expect("an id");
    let shown = caller.ground.run(&["audit", run, "--json"]).json();
    assert_eq!(shown["lines"][1]["head"], caller.event("intent")["head"]);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(shown["lines"][2]["body"], empty);
}
