//! The way of a call: what leaves, with which key, and what does not leave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{self, Api, LAST_CHUNK, Step};
use crate::support::caller::{Caller, Terms, wait_until};
use crate::support::canary::{Canary, base64};
use crate::support::decoy::Decoy;
use crate::support::http::find;

/// Checks that a key placed at `place` arrives in `header`, or behind `?page=2&` as `parameter`,
/// and that nothing but it, the guest's headers and the host's own two are sent.
fn check_placement(place: &str, header: impl Fn(&str) -> String, parameter: &str) {
    let api = Api::always(api::json(200, "{}"));
    let caller = Caller::new(&Terms {
        place,
        allow: &["GET /v1/{name}?page"],
        rest: "request-headers = [\"x-extra\"]",
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things?page=2", api.url());
    let headers = ["accept:text/plain", "x-extra: 1 2 ", "accept-encoding:br"];
    let words = [&["http", "GET", url.as_str()][..], &headers].concat();
    let outcome = caller.run(&words);
    // Blanks around a value do not survive the way, so such a value is refused.
    assert!(outcome.out().is_empty() && api.requests().is_empty());
    let headers = ["accept:text/plain", "x-extra:1 2", "accept-encoding:br"];
    let words = [&["http", "GET", url.as_str()][..], &headers].concat();
    let outcome = caller.run(&words);
    outcome.exits(0);
    assert_eq!(
        outcome.out(),
        "status: 200\ncontent-type: application/json\n\n{}\n"
    );

    let key = caller.key.text();
    let [seen] = &api.requests()[..] else {
        panic!("one request: {:?}", api.requests())
    };
    let raw = String::from_utf8(seen.raw.clone()).expect("it is ASCII");
    let (head, body) = raw.split_once("\r\n\r\n").expect("a head has an end");
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    let line = lines.remove(0);
    lines.sort_unstable();
    let host = format!("host: {}", api.authority());
    let placed = header(key);
    let mut expected = vec![
        "accept: text/plain",
        "accept-encoding: identity",
        &host,
        "x-extra: 1 2",
    ];
    expected.extend((!placed.is_empty()).then_some(placed.as_str()));
    expected.sort_unstable();
    let parameter = parameter.replace("KEY", key);
    assert_eq!(
        line,
        format!("GET /v1/things?page=2{parameter} HTTP/1.1"),
        "{place}"
    );
    assert_eq!(lines, expected, "{place}");
    assert_eq!(body, "", "{place}");
}

#[test]
fn a_bearer_key_is_all_that_is_added() {
    check_placement(
        "\"bearer\"",
        |key| format!("authorization: Bearer {key}"),
        "",
    );
}

#[test]
fn a_basic_key_is_all_that_is_added() {
    let basic = |key: &str| {
        let pair = base64(format!("agent:{key}").as_bytes(), b"+/", true);
        format!("authorization: Basic {}", String::from_utf8_lossy(&pair))
    };
    check_placement("{ basic = \"agent\" }", basic, "");
}

#[test]
fn a_key_in_a_header_of_its_own_is_all_that_is_added() {
    let place = "{ header = \"x-api-key\", prefix = \"Token \" }";
    check_placement(place, |key| format!("x-api-key: Token {key}"), "");
}

#[test]
fn a_key_in_the_query_is_all_that_is_added() {
    check_placement("{ query = \"key\" }", |_| String::new(), "&key=KEY");
}

#[test]
fn a_key_in_the_query_is_percent_encoded() {
    let api = Api::always(api::json(200, "{}"));
    let key = Canary::of("a&b=c d%2e/e?f+g#h");
    let origin = api.url();
    let terms = Terms {
        place: "{ query = \"key\" }",
        ..Terms::at(&origin)
    };
    let caller = Caller::in_ground(Ground::new().key("API_KEY", &key), key, &terms);
    let url = format!("{}/v1/things", api.url());
    caller.run(&["http", "GET", &url]).exits(0);
    assert_eq!(
        api.requests()[0].target(),
        "/v1/things?key=a%26b%3Dc%20d%252e%2Fe%3Ff%2Bg%23h"
    );
}

/// Checks that a call with the key from `from`, for which `lay` prepares the ground, arrives with
/// it.
fn check_source(from: &str, lay: impl Fn(&Ground, &Canary)) {
    let api = Api::always(api::json(200, "{}"));
    let key = Canary::fresh();
    let ground = Ground::new().guard(&key);
    lay(&ground, &key);
    let from = from.replace("KEYS", &ground.keys().display().to_string());
    let origin = api.url();
    let terms = Terms {
        from: &from,
        ..Terms::at(&origin)
    };
    let caller = Caller::in_ground(ground, key, &terms);
    let url = format!("{}/v1/things", api.url());
    caller.run(&["http", "GET", &url]).exits(0);
    let bearer = format!("Bearer {}", caller.key.text());
    assert_eq!(
        api.requests()[0].header("authorization"),
        Some(bearer.as_str())
    );
    assert_eq!(caller.event("intent")["credential"]["reference"], from);
}

#[test]
fn a_key_comes_from_a_dotenv_file_beside_the_policy() {
    check_source("dotenv://.env#API_KEY", |ground, key| {
        let entry = format!("# keys\nOTHER=1\nexport API_KEY=\"{}\" # it\n", key.text());
        ground.write(".env", &entry);
    });
}

#[test]
fn a_key_comes_from_a_file_without_its_last_newline() {
    check_source("file://KEYS/api", |ground, key| {
        fs::write(ground.keys().join("api"), format!("{}\n", key.text())).expect("it is ours");
    });
}

/// Runs the calls in `words` one after the other, and checks that each is denied with its code, is
/// on record once, and that the guest hears of it by an error; and that nothing reached `api`.
fn check_denied(api: &Api, caller: &Caller, calls: &[(Vec<&str>, &str)]) -> Outcome {
    let mut words = vec!["each"];
    for (call, _) in calls {
        words.extend(call.iter().chain(&["--"]));
    }
    words.pop();
    let outcome = caller.run(&words);
    outcome.exits(0);
    let denied = caller.events("denied");
    let found: Vec<_> = denied.iter().map(|line| line["code"].as_str()).collect();
    for (index, (call, code)) in calls.iter().enumerate() {
        assert_eq!(
            found.get(index).copied().flatten(),
            Some(*code),
            "{call:?}\n{denied:#?}"
        );
    }
    assert_eq!(found.len(), calls.len());
    assert_eq!(
        outcome.out().matches("error: ").count(),
        calls.len(),
        "{}",
        outcome.out()
    );
    assert_eq!(caller.events("intent").len(), 0);
    assert_eq!(caller.event("run-ended")["denied"], calls.len());
    let requests = api.requests();
    assert!(requests.is_empty(), "{requests:?}");
    outcome
}

#[test]
fn a_call_that_is_not_granted_leaves_no_byte_and_is_on_record_once() {
    let (api, caller) = Caller::keyed();
    let decoy = Decoy::start();
    let neighbour = Api::always(api::json(200, "{}"));
    let at = |path: &str| format!("{}{path}", api.url());
    let port = api.authority().replace("127.0.0.1:", "");
    let cases: Vec<(&str, String, &str)> = vec![
        ("GET", format!("{}/v1/things", decoy.url()), "AB0201"),
        ("GET", format!("{}/v1/things", neighbour.url()), "AB0201"),
        ("GET", at("/v1/things").replace("http:", "https:"), "AB0201"),
        (
            "GET",
            format!("http://localhost:{port}/v1/things"),
            "AB0201",
        ),
        (
            "GET",
            format!("http://127.0.0.1:0{port}/v1/things"),
            "AB0204",
        ),
        ("GET", at("/v1/things").replace("//", "//user@"), "AB0204"),
        (
            "GET",
            format!("http://2130706433:{port}/v1/things"),
            "AB0204",
        ),
        ("POST", at("/v1/things"), "AB0202"),
        ("HEAD", at("/v1/things"), "AB0202"),
        ("TRACE", at("/v1/things"), "AB0211"),
        ("get", at("/v1/things"), "AB0211"),
        ("GET", at("/v2/things"), "AB0202"),
        ("GET", at("/V1/things"), "AB0202"),
        ("GET", at("/v1"), "AB0202"),
        ("GET", at("/v1/things/"), "AB0202"),
        ("GET", at("/v1/things/more"), "AB0202"),
        ("GET", at("/v1/things?page=2"), "AB0207"),
        ("GET", at("/v1/things?"), "AB0204"),
        ("GET", at("/v1/"), "AB0202"),
        ("GET", at("/v1/.."), "AB0204"),
        ("GET", at("/x/../v1/things"), "AB0204"),
        ("GET", at("/v1/%2e%2e"), "AB0204"),
        ("GET", at("/v1/a%2fb"), "AB0204"),
        ("GET", at("/v1/a%252fb"), "AB0204"),
        ("GET", at("/v1/a%5cb"), "AB0204"),
        ("GET", at("//v1/things"), "AB0204"),
        ("GET", at("/v1//things"), "AB0204"),
        ("GET", at("/v1/%74hings"), "AB0204"),
        ("GET", at("/v1/a%0d%0ab"), "AB0204"),
        ("GET", at("/v1/a%ffb"), "AB0204"),
    ];
    let calls: Vec<_> = cases
        .iter()
        .map(|(method, url, code)| (vec![*method, url.as_str()], *code))
        .collect();
    let outcome = check_denied(&api, &caller, &calls);
    decoy.assert_untouched();
    assert!(neighbour.requests().is_empty());
    outcome.says("denied[AB0202]: POST ").says("retry: no");
    // What would allow a call is for the operator.
    outcome.says("hint: ");
    assert!(!outcome.out().contains("allow"), "{}", outcome.out());
}

#[test]
fn headers_that_are_not_a_guests_to_send_are_denied_and_recorded_not_dropped() {
    let api = Api::always(api::json(200, "{}"));
    let caller = Caller::new(&Terms {
        place: "{ header = \"x-widget-key\" }",
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things", api.url());
    let cases = [
        ("authorization:Bearer mine", "AB0206"),
        ("cookie:session=mine", "AB0206"),
        ("proxy-authorization:Basic bWluZQ==", "AB0206"),
        ("x-api-key:mine", "AB0206"),
        ("x-widget-key:mine", "AB0206"),
        ("host:evil.test", "AB0205"),
        ("transfer-encoding:chunked", "AB0205"),
        ("x-forwarded-for:127.0.0.1", "AB0205"),
        ("x-forwarded-host:evil.test", "AB0205"),
        ("forwarded:for=127.0.0.1", "AB0205"),
        ("x-http-method-override:DELETE", "AB0205"),
        ("x-original-url:/admin", "AB0205"),
        ("connection:x-widget-key", "AB0205"),
        ("keep-alive:timeout=5", "AB0205"),
        ("expect:100-continue", "AB0205"),
        ("te:trailers", "AB0205"),
        ("trailer:x", "AB0205"),
        ("upgrade:h2c", "AB0205"),
        ("http2-settings:x", "AB0205"),
        ("sec-websocket-key:x", "AB0205"),
        ("x-anything-else:1", "AB0205"),
        ("user-agent:caf\u{e9}", "AB0205"),
    ];
    let calls: Vec<_> = cases
        .iter()
        .map(|(header, code)| (vec!["GET", url.as_str(), *header], *code))
        .collect();
    check_denied(&api, &caller, &calls);
    // What a guest sent is nobody's to read in the record.
    assert!(!caller.ground.record().contains("mine"));
}

#[test]
fn calls_of_one_guest_are_under_way_at_the_same_time() {
    let all_there = Arc::new(Barrier::new(10));
    let api = Api::start(move |_| {
        all_there.wait();
        vec![Step::Send(api::json(200, "{}"))]
    });
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run_with(&["--call", "30s"], &["parallel", "10", &url]);
    outcome.exits(0);
    let answered = outcome.out().matches("status: 200, 2 bytes\n").count();
    assert_eq!(answered, 10, "{}", outcome.out());
    assert_eq!(caller.events("outcome").len(), 10);
}

#[test]
fn ten_calls_of_50_ms_take_about_as_long_as_one() {
    let pause = Duration::from_millis(50);
    let reply = api::json(200, "{}");
    let api = Api::start(move |_| vec![Step::Wait(pause), Step::Send(reply.clone())]);
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let elapsed = || -> u64 {
        let outcome = caller.run(&["parallel", "10", &url]);
        let out = outcome.exits(0).out();
        assert_eq!(out.matches("status: 200").count(), 10, "{out}");
        let (_, ms) = out.split_once("elapsed: ").expect("the probe says it");
        ms.trim_end_matches(" ms\n").parse().expect("a number")
    };
    // A machine that is busy with other things is asked again.
    let best = (0..3).map(|_| elapsed()).find(|ms| *ms < 250);
    assert!(best.is_some_and(|ms| ms >= 50), "{best:?}");
}

#[test]
fn a_request_is_sent_as_the_guest_writes_it() {
    let api = Api::always(api::json(201, "{}"));
    let caller = Caller::new(&Terms {
        allow: &["POST /v1/{name}"],
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things", api.url());
    let mut child = caller.start(&["--call", "30s"], &["upload-stdin", &url]);
    let mut input = child.stdin.take().expect("it is a pipe");
    input.write_all(b"first ").expect("agentbox reads");
    wait_until("the first piece arrives", || {
        find(&api.bytes(), b"first ").is_some()
    });
    assert_eq!(api.requests()[0].line, "", "the request is not over yet");
    input.write_all(b"last").expect("agentbox reads");
    drop(input);
    assert!(child.wait().expect("it ends").success());
    let seen = &api.requests()[0];
    assert_eq!(seen.body, b"first last");
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert_eq!(seen.header("content-length"), None);
    assert_eq!(caller.event("outcome")["sent"], 10);
}

#[test]
fn a_long_upload_arrives_whole() {
    let api = Api::always(api::json(201, "{}"));
    let caller = Caller::new(&Terms {
        allow: &["POST /v1/{name}"],
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run(&["long-upload", "3000000", &url]);
    assert_eq!(outcome.exits(0).out(), "status: 201\n");
    let body = &api.requests()[0].body;
    assert!(body.len() == 3_000_000 && body.iter().all(|byte| *byte == b'u'));
    assert_eq!(caller.event("outcome")["sent"], 3_000_000);
}

#[test]
fn a_reply_reaches_the_guest_as_the_upstream_sends_it() {
    let seen = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&seen);
    let api = Api::start(move |_| {
        vec![
            Step::Send(api::chunked(200)),
            Step::Send(api::chunk(b"first\n")),
            Step::Until(Arc::clone(&flag)),
            Step::Send(api::chunk(b"last\n")),
            Step::Send(LAST_CHUNK.to_vec()),
        ]
    });
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let mut child = caller.start(&["--call", "30s"], &["http", "GET", &url]);
    let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let mut so_far = String::new();
    while !so_far.ends_with("first\n") {
        let read = output.read_line(&mut so_far).expect("it is text");
        assert!(read > 0, "it ended with {so_far:?}");
    }
    seen.store(true, Ordering::SeqCst);
    output.read_to_string(&mut so_far).expect("it is text");
    assert!(so_far.ends_with("first\nlast\n\n"), "{so_far:?}");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(caller.event("outcome")["received"], 11);
}

/// Checks that a guest which sets `option` gives up on an upstream that does `steps`, long before
/// the policy would have it, and that it is on record as the upstream's slowness.
fn check_patience(flags: &[&str], option: &str, error: &str, steps: &[Step]) {
    let steps = steps.to_vec();
    let api = Api::start(move |_| steps.clone());
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run_with(flags, &["http", "GET", &url, option]);
    outcome.exits(1).says(error);
    assert!(
        outcome.elapsed < Duration::from_secs(30),
        "{:?}",
        outcome.elapsed
    );
    assert_eq!(caller.event("outcome")["code"], "AB0604");
}

#[test]
fn a_guest_may_give_up_sooner_than_the_policy() {
    let timeout = "ErrorCode::HttpResponseTimeout";
    check_patience(&[], "first-byte=200", timeout, &[Step::Hang]);
    let timeout = "reply body: HTTP response timeout";
    let half = [
        Step::Send(api::chunked(200)),
        Step::Send(api::chunk(b"half")),
        Step::Hang,
    ];
    check_patience(&[], "between-bytes=200", timeout, &half);
}

#[test]
fn a_guest_may_not_wait_longer_than_the_policy() {
    let flags = ["--first-byte", "200ms"];
    let timeout = "ErrorCode::HttpResponseTimeout";
    check_patience(&flags, "first-byte=100000", timeout, &[Step::Hang]);
}

#[test]
fn no_proxy_is_asked() {
    let (api, _) = Caller::keyed();
    let decoy = Decoy::start();
    let key = Canary::fresh();
    let mut ground = Ground::new().key("API_KEY", &key);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        ground = ground.env(name, &decoy.url());
    }
    let caller = Caller::in_ground(ground, key, &Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    caller.run(&["http", "GET", &url]).exits(0);
    decoy.assert_untouched();
    assert_eq!(api.requests()[0].target(), "/v1/things");
}
