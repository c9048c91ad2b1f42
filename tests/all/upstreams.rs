//! Upstreams that are broken or hostile: each is told apart, none hurts, none gets more than it is
//! due.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::agentbox::Outcome;
use crate::support::api::{self, Api, LAST_CHUNK, Step};
use crate::support::caller::{Caller, Terms};
use crate::support::decoy::Decoy;
use crate::support::tls::{Authority, TlsServer};

/// Lets a guest ask an upstream that does `steps`, and checks with which code that is on record
/// and what the guest hears of it. The exit code is the guest's own.
fn check(flags: &[&str], steps: Vec<Step>, code: &str, error: &str) -> (Caller, Outcome) {
    let api = Api::start(move |_| steps.clone());
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run_with(flags, &["http", "GET", &url]);
    outcome.exits(1).says(&format!("error: {error}"));
    outcome.says(&format!("[{code}]: GET {url}: "));
    assert_eq!(caller.event("outcome")["code"], code);
    assert_eq!(caller.event("run-ended")["exit"], 1);
    assert_eq!(api.requests().len(), 1, "it is asked once");
    assert!(
        outcome.elapsed < Duration::from_secs(30),
        "{:?}",
        outcome.elapsed
    );
    for panic in ["panicked", "RUST_BACKTRACE", "AB0901"] {
        assert!(!outcome.err().contains(panic), "{}", outcome.err());
    }
    (caller, outcome)
}

fn send(bytes: &[u8]) -> Vec<Step> {
    vec![Step::Send(bytes.to_vec())]
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let origin = format!("http://{}", port.local_addr().expect("it has an address"));
    drop(port);
    let caller = Caller::new(&Terms::at(&origin));
    let outcome = caller.run(&["http", "GET", &format!("{origin}/v1/things")]);
    outcome
        .exits(1)
        .says("error: ErrorCode::ConnectionRefused")
        .says("AB0602");
    let recorded = caller.event("outcome");
    assert_eq!(
        (&recorded["code"], &recorded["sent"]),
        (&"AB0602".into(), &0.into())
    );
}

#[test]
fn s13_an_upstream_that_never_answers() {
    let timeout = "ErrorCode::HttpResponseTimeout";
    check(
        &["--first-byte", "200ms"],
        vec![Step::Hang],
        "AB0604",
        timeout,
    );
    let byte = [
        Step::Send(b"x".to_vec()),
        Step::Wait(Duration::from_millis(100)),
    ];
    let drip: Vec<Step> = byte.iter().cycle().take(100).cloned().collect();
    let slow = [
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nx-drip: ".to_vec())],
        drip.clone(),
    ]
    .concat();
    check(&["--first-byte", "500ms"], slow, "AB0604", timeout);
    let slow = [
        send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
        drip,
    ]
    .concat();
    check(
        &["--call", "500ms"],
        slow,
        "AB0604",
        "reply body: HTTP response timeout",
    );
}

#[test]
fn s07_an_upstream_that_does_not_speak_http() {
    for garbage in [
        &b"no http at all\r\n\r\n"[..],
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: 1\r\n folded\r\n\r\n",
        b"\0\x01\x02\xff\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let steps = vec![Step::Send(garbage.to_vec()), Step::Close];
        check(&[], steps, "AB0606", "ErrorCode::HttpProtocolError");
    }
}

#[test]
fn s01_a_reply_that_can_be_cut_in_two_ways() {
    for head in [
        "content-length: 2\r\ntransfer-encoding: chunked",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 2, 2",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{{}}");
        check(
            &[],
            send(reply.as_bytes()),
            "AB0606",
            "ErrorCode::HttpProtocolError",
        );
    }
}

#[test]
fn s14_a_body_without_end() {
    let steps = vec![
        Step::Send(api::chunked(200)),
        Step::Repeat(api::chunk(&[b'e'; 4096])),
    ];
    let error = "reply body: HTTP response body size";
    let (_, outcome) = check(&["--reply-body", "64KiB"], steps, "AB0605", error);
    assert!(outcome.stdout.len() < 80 << 10, "{}", outcome.stdout.len());
    // One that says at once how long it is does not even begin.
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nbegin";
    let error = "ErrorCode::HttpResponseBodySize";
    let (_, outcome) = check(&["--reply-body", "64KiB"], send(long), "AB0605", error);
    assert_eq!(outcome.out(), "");
}

#[test]
fn a_connection_that_closes_too_early() {
    let error = "ErrorCode::HttpResponseIncomplete";
    check(&[], vec![Step::Close], "AB0606", error);
    check(&[], send(b"HTTP/1.1 200 OK\r\ncont"), "AB0606", error);
    let error = "reply body: incomplete HTTP response";
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf\n";
    let (_, outcome) = check(&[], send(half), "AB0606", error);
    assert!(outcome.out().ends_with("half\n"), "{}", outcome.out());
    let chunk = [api::chunked(200), api::chunk(b"half\n")].concat();
    check(&[], send(&chunk), "AB0606", error);
}

#[test]
fn s15_a_reply_that_is_encoded_is_not_delivered() {
    for encoding in ["gzip", "br", "identity, gzip", "x-unknown"] {
        let reply = api::reply(
            200,
            &[("content-encoding", encoding)],
            b"\x1f\x8b\x08 not read",
        );
        let error = "ErrorCode::HttpResponseContentCoding";
        let (_, outcome) = check(&[], send(&reply), "AB0608", error);
        assert_eq!(outcome.out(), "");
    }
}

#[test]
fn a_flood_of_headers() {
    let many: String = (0..1000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "l".repeat(200_000));
    for headers in [many, long] {
        let reply = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\n{{}}");
        check(
            &[],
            send(reply.as_bytes()),
            "AB0605",
            "ErrorCode::HttpResponse",
        );
    }
    // Without end, it is stopped all the same.
    let steps = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Step::Repeat(b"x-a: b\r\n".to_vec()),
    ];
    check(&[], steps, "AB0605", "ErrorCode::HttpResponse");
}

#[test]
fn h14_an_upstream_that_wants_another_protocol() {
    let reply = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
    check(&[], send(reply), "AB0606", "ErrorCode::HttpProtocolError");
}

#[test]
fn interim_replies_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let reply = [interim.as_bytes(), &api::json(200, "{}")].concat();
    let api = Api::always(reply);
    let caller = Caller::new(&Terms::at(&api.url()));
    let outcome = caller.run(&["http", "GET", &format!("{}/v1/things", api.url())]);
    let expected = "status: 200\ncontent-type: application/json\n\n{}\n";
    assert_eq!(outcome.exits(0).out(), expected);
}

#[test]
fn s02_a_second_reply_is_dropped_with_its_connection() {
    let reply = [
        api::json(200, "{\"first\":1}"),
        api::json(200, "{\"second\":2}"),
    ]
    .concat();
    let api = Api::always(reply);
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run(&["twice", "GET", &url]);
    assert_eq!(outcome.exits(0).out().matches("first").count(), 2);
    assert!(!outcome.out().contains("second"));
    assert_eq!(api.requests().len(), 2);
}

#[test]
fn r01_a_redirect_is_the_guests_to_see_and_nobodys_to_follow() {
    for status in [301, 302, 303, 307, 308] {
        let decoy = Decoy::start();
        let location = format!("{}/v1/stolen", decoy.url());
        let headers = [
            ("location", location.as_str()),
            ("refresh", "0"),
            ("alt-svc", "h2=\":1\""),
        ];
        let api = Api::always(api::reply(status, &headers, b"moved"));
        let caller = Caller::new(&Terms {
            allow: &["POST /v1/{name}"],
            ..Terms::at(&api.url())
        });
        let url = format!("{}/v1/things", api.url());
        let outcome = caller.run(&["http", "POST", &url, "@body"]);
        let expected = format!("status: {status}\nlocation: {location}\n\nmoved\n");
        assert_eq!(outcome.exits(0).out(), expected);
        decoy.assert_untouched();
        assert_eq!(api.requests().len(), 1);
        assert_eq!(caller.event("outcome")["status"], status);
    }
}

#[test]
fn headers_that_are_not_a_guests_to_see_do_not_reach_it() {
    let headers = [
        ("content-type", "text/plain"),
        ("set-cookie", "session=1"),
        ("www-authenticate", "Bearer"),
        ("strict-transport-security", "max-age=1"),
        ("server", "a-server/1.0"),
        ("x-internal", "10.0.0.7"),
        ("x-shown", "yes"),
    ];
    let api = Api::always(api::reply(200, &headers, b"{}"));
    let caller = Caller::new(&Terms {
        rest: "reply-headers = [\"x-shown\"]",
        ..Terms::at(&api.url())
    });
    let outcome = caller.run(&["http", "GET", &format!("{}/v1/things", api.url())]);
    let expected = "status: 200\ncontent-type: text/plain\nx-shown: yes\n\n{}\n";
    assert_eq!(outcome.exits(0).out(), expected);
}

#[test]
fn a_request_larger_than_it_may_be_does_not_get_through() {
    let api = Api::always(api::json(201, "{}"));
    let caller = Caller::new(&Terms {
        allow: &["POST /v1/{name}"],
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things", api.url());
    let outcome = caller.run_with(
        &["--request-body", "64KiB"],
        &["long-upload", "500000", &url],
    );
    outcome.exits(1).says("ErrorCode::HttpRequestBodySize");
    assert_eq!(caller.event("outcome")["code"], "AB0505");
    assert_eq!(
        api.requests()[0].line,
        "",
        "it never becomes a whole request"
    );
    assert!(api.bytes().len() < 80 << 10);
}

#[test]
fn d01_a_name_that_leads_to_a_loopback_address_is_not_dialled() {
    let api = Api::always(api::json(200, "{}"));
    let origin = api.url().replace("http://127.0.0.1", "https://localhost");
    let caller = Caller::new(&Terms::at(&origin));
    let outcome = caller.run(&["http", "GET", &format!("{origin}/v1/things")]);
    outcome
        .exits(1)
        .says("error: ErrorCode::DestinationIpProhibited")
        .says("AB0210");
    assert_eq!(caller.event("outcome")["code"], "AB0210");
    // Where the name leads is not the guest's to know.
    assert!(!outcome.out().contains("127.0.0.1"));
    assert!(api.requests().is_empty());
}

/// Asks `server`, which is `localhost`, under a policy that lets the name lead there. The file
/// `ca.pem` is trusted where `flags` say so.
fn ask(server: &TlsServer, ca: &Authority, flags: &[&str]) -> (Caller, Outcome) {
    let origin = format!("https://localhost:{}", server.port());
    let caller = Caller::new(&Terms {
        rest: "addresses = [\"127.0.0.1/32\"]",
        ..Terms::at(&origin)
    });
    caller.ground.write("ca.pem", ca.pem());
    let outcome = caller.run_with(flags, &["http", "GET", &format!("{origin}/v1/things")]);
    (caller, outcome)
}

#[test]
fn s12_a_certificate_of_an_authority_that_is_trusted_is_enough() {
    let ca = Authority::new();
    let server = ca.serve("localhost", true, api::json(200, "{}"));
    let (caller, outcome) = ask(&server, &ca, &["--ca", "ca.pem"]);
    outcome.exits(0);
    let requests = server.requests();
    let bearer = format!("authorization: Bearer {}\r\n", caller.key.text());
    assert!(
        requests.len() == 1 && requests[0].contains(&bearer),
        "{requests:?}"
    );
    assert!(requests[0].contains(&format!("host: localhost:{}\r\n", server.port())));
}

#[test]
fn s12_no_other_certificate_is() {
    let (ca, other) = (Authority::new(), Authority::new());
    let good = ca.serve("localhost", true, api::json(200, "{}"));
    let foreign = ca.serve("api.widgets.example", true, api::json(200, "{}"));
    let expired = ca.serve("localhost", false, api::json(200, "{}"));
    let trusted = ["--ca", "ca.pem"];
    for (what, server, ca, flags) in [
        ("not trusted", &good, &ca, &[][..]),
        ("another authority", &good, &other, &trusted[..]),
        ("another name", &foreign, &ca, &trusted[..]),
        ("expired", &expired, &ca, &trusted[..]),
    ] {
        let (caller, outcome) = ask(server, ca, flags);
        outcome
            .exits(1)
            .says("error: ErrorCode::TlsCertificateError");
        assert_eq!(caller.event("outcome")["code"], "AB0603", "{what}");
        assert_eq!(server.requests(), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn s12_an_upstream_without_tls_gets_no_request() {
    let api = Api::always(api::json(200, "{}"));
    let origin = api.url().replace("http://127.0.0.1", "https://localhost");
    let caller = Caller::new(&Terms {
        rest: "addresses = [\"127.0.0.1/32\"]",
        ..Terms::at(&origin)
    });
    let flags = ["--connect", "500ms"];
    let outcome = caller.run_with(&flags, &["http", "GET", &format!("{origin}/v1/things")]);
    // A server that waits for the end of a head it will never understand is only slow.
    outcome.exits(1).says("error: ErrorCode::ConnectionTimeout");
    assert_eq!(caller.event("outcome")["code"], "AB0604");
    let bytes = api.bytes();
    caller
        .key
        .assert_absent("what was sent in the clear", &bytes);
    assert!(!bytes.windows(4).any(|window| window == b"GET "));
}

#[test]
fn l07_session_keys_are_never_written() {
    let ca = Authority::new();
    let server = ca.serve("localhost", true, api::json(200, "{}"));
    let origin = format!("https://localhost:{}", server.port());
    let mut caller = Caller::new(&Terms {
        rest: "addresses = [\"127.0.0.1/32\"]",
        ..Terms::at(&origin)
    });
    caller.ground.write("ca.pem", ca.pem());
    let log = caller.ground.work().join("session-keys");
    caller.ground = caller
        .ground
        .env("SSLKEYLOGFILE", &log.display().to_string());
    let url = format!("{origin}/v1/things");
    caller
        .run_with(&["--ca", "ca.pem"], &["http", "GET", &url])
        .exits(0);
    assert!(!log.exists());
}

#[test]
fn a_reply_in_chunks_of_one_byte_arrives_whole() {
    let chunks: Vec<u8> = b"a reply, byte by byte"
        .iter()
        .flat_map(|b| api::chunk(&[*b]))
        .collect();
    let reply = [api::chunked(200), chunks, LAST_CHUNK.to_vec()].concat();
    let api = Api::always(reply);
    let caller = Caller::new(&Terms::at(&api.url()));
    let outcome = caller.run(&["http", "GET", &format!("{}/v1/things", api.url())]);
    assert_eq!(
        outcome.exits(0).out(),
        "status: 200\n\na reply, byte by byte\n"
    );
}
