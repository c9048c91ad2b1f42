//! Replies that are not as they should be.

use super::upstream::{Act, Upstream, reply, write};
use super::{Call, sender};
use crate::testing::fixture::Fixture;

async fn check(acts: Vec<Act>, expected: &str) {
    let upstream = Upstream::start(acts.clone()).await;
    let fixture = Fixture::new(&upstream.origin());
    let outcome = Call::get(&fixture, &sender()).outcome().await;
    assert_eq!(outcome, expected, "{acts:?}");
}

const BROKE: &str = "AB0606: the connection broke before the end of the reply";
const NOT_HTTP: &str = "AB0606: the upstream's reply is not HTTP";
const HEAD: &str = "AB0605: the reply's head is larger than it may be";

#[tokio::test]
async fn s07_what_is_not_http_is_one_error() {
    check(vec![], BROKE).await;
    check(vec![write("HTTP/1.1 200 OK\r\ncontent-le")], BROKE).await;
    for garbage in [
        "hello\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        check(vec![write(garbage)], NOT_HTTP).await;
    }
    let status = "AB0606: the reply's status is none that ends a call";
    check(
        vec![write("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n")],
        status,
    )
    .await;
    check(
        vec![write(
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        )],
        status,
    )
    .await;
}

#[tokio::test]
async fn s14_a_head_without_end_is_cut_off() {
    let start = write("HTTP/1.1 200 OK\r\n");
    check(
        vec![start.clone(), Act::WriteForever(b"x-a: b\r\n".to_vec())],
        HEAD,
    )
    .await;
    let long = format!("x-a: {}\r\n", "b".repeat(70_000));
    check(
        vec![start.clone(), write(&long), write("\r\n"), Act::Hang],
        HEAD,
    )
    .await;
    let many: String = (0..101).map(|n| format!("x-{n}: b\r\n")).collect();
    check(
        vec![start, write(&many), write("content-length: 0\r\n\r\n")],
        HEAD,
    )
    .await;
    check(vec![Act::WriteForever(vec![b'H'; 1000])], NOT_HTTP).await;
}

#[tokio::test]
async fn s01_a_reply_that_two_readers_cut_differently_is_refused() {
    let both = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    check(
        vec![write(both)],
        "AB0606: the reply is both chunked and of a given length",
    )
    .await;
    let two = "AB0606: the reply has more than one length";
    let lengths = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok";
    check(vec![write(lengths)], two).await;
    for odd in ["2, 2", "+2", "-1", "2x"] {
        let odd = format!("HTTP/1.1 200 OK\r\ncontent-length: {odd}\r\n\r\nok");
        let upstream = Upstream::start(vec![write(&odd)]).await;
        let fixture = Fixture::new(&upstream.origin());
        let outcome = Call::get(&fixture, &sender()).outcome().await;
        assert!(outcome.starts_with("AB0606"), "{odd}: {outcome}");
    }
    let gzip = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    check(
        vec![write(gzip)],
        "AB0608: the reply has a transfer encoding beside chunked",
    )
    .await;
}

#[tokio::test]
async fn s02_a_second_reply_is_dropped_with_the_connection() {
    let second = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad";
    check(vec![write(second)], "200: ok").await;
    check(vec![write("HTTP/1.1 204 No\r\n\r\nbody")], "204: ").await;
}

#[tokio::test]
async fn informational_replies_are_passed_over() {
    let early =
        write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    check(vec![early, reply("200 OK", "", "ok")], "200: ok").await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_body() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab\n";
    check(vec![write(short)], &format!("200: ab\n then {BROKE}")).await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab\n\r\n";
    check(vec![write(chunked)], &format!("200: ab\n then {BROKE}")).await;
    let bad = format!("{chunked}zz\r\n");
    let protocol = "AB0606: the upstream does not speak HTTP as it should";
    check(vec![write(&bad)], &format!("200: ab\n then {protocol}")).await;
    check(
        vec![write("HTTP/1.1 200 OK\r\n\r\nuntil the end")],
        "200: until the end",
    )
    .await;
}

#[tokio::test]
async fn r01_a_redirect_is_returned_and_not_followed() {
    for status in [
        "300 Choose",
        "301 Moved",
        "302 Found",
        "303 Other",
        "307 Keep",
        "308 Keep",
    ] {
        let other = Upstream::start(vec![reply("200 OK", "", "followed")]).await;
        let location = format!("location: {}/things\r\n", other.origin());
        let upstream = Upstream::start(vec![reply(status, &location, "here")]).await;
        let fixture = Fixture::new(&upstream.origin());
        let answered = Call::get(&fixture, &sender())
            .answer()
            .await
            .expect("a reply");
        assert!(answered.reply.status.is_redirection());
        assert!(answered.reply.headers.contains_key("location"));
        assert!(!other.heard.is_finished(), "{status} was followed");
        other.heard.abort();
    }
}

#[tokio::test]
async fn an_encoded_body_is_not_delivered() {
    let unscannable = "AB0608: the reply is encoded in a way that cannot be searched";
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let header = format!("content-encoding: {encoding}\r\n");
        check(vec![reply("200 OK", &header, "zip")], unscannable).await;
    }
    check(
        vec![reply("200 OK", "content-encoding: Identity\r\n", "ok")],
        "200: ok",
    )
    .await;
    check(
        vec![write("HTTP/1.1 304 Same\r\ncontent-encoding: gzip\r\n\r\n")],
        "304: ",
    )
    .await;
}

#[tokio::test]
async fn a_guest_sees_allowed_headers_only() {
    let headers = "x-seen: 1\r\nx-other: 2\r\nset-cookie: a=b\r\nalt-svc: h3=\":1\"\r\n\
        www-authenticate: Basic\r\nconnection: close\r\ncontent-type: text/plain\r\n";
    let upstream = Upstream::start(vec![reply("200 OK", headers, "")]).await;
    let fixture = Fixture::new(&upstream.origin());
    let answered = Call::get(&fixture, &sender())
        .answer()
        .await
        .expect("a reply");
    let mut names: Vec<_> = answered
        .reply
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "x-seen"]);
}

#[tokio::test]
async fn a_key_in_status_or_headers_ends_the_call() {
    let echo = "AB0607: the reply held a credential, so the run was stopped";
    let upstream = |acts: fn(&str) -> Act| async move {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let fixture = Fixture::new(&format!("http://{address}"));
        let act = acts(&fixture.key);
        listener.set_nonblocking(true).expect("tokio wants it");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            super::upstream::play(stream, vec![act]).await
        });
        let outcome = Call::get(&fixture, &sender()).outcome().await;
        server.await.expect("served");
        outcome
    };
    assert_eq!(
        upstream(|key| reply(&format!("200 {key}"), "", "")).await,
        echo
    );
    assert_eq!(
        upstream(|key| reply("200 OK", &format!("x-seen: {key}\r\n"), "")).await,
        echo
    );
    assert_eq!(
        upstream(|key| reply("200 OK", &format!("set-cookie: {key}\r\n"), "")).await,
        echo
    );
    assert_eq!(
        upstream(|key| reply("200 OK", &format!("{key}: 1\r\n"), "")).await,
        echo
    );
    let in_body = upstream(|key| reply("200 OK", "", &format!("so: {key} "))).await;
    assert!(
        ["200:  then ", "200: so:  then "]
            .map(|start| format!("{start}{echo}"))
            .contains(&in_body)
    );
    let chunked = |key: &str| {
        let chunks: String = key.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        write(&format!(
            "HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nso: \r\n{chunks}0\r\n\r\n"
        ))
    };
    let outcome = upstream(chunked).await;
    assert!(
        outcome.starts_with("401: ") && outcome.ends_with(echo),
        "{outcome}"
    );
}

#[tokio::test]
async fn an_echo_is_reported_once_with_its_place() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let fixture = Fixture::new(&format!(
        "http://{}",
        listener.local_addr().expect("an address")
    ));
    let body = format!("key is {}, and {}", fixture.key, fixture.key);
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        super::upstream::play(stream, vec![reply("200 OK", "", &body)]).await
    });
    let mut answered = Call::get(&fixture, &sender())
        .answer()
        .await
        .expect("a head");
    while let Some(Ok(_)) = http_body_util::BodyExt::frame(&mut answered.reply.body).await {}
    let echoes: Vec<_> = answered
        .echoes
        .lock()
        .expect("whole")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        echoes,
        ["the key of credential `up` (plain) in its body, ending at byte 46"]
    );
    server.await.expect("served");
}

#[tokio::test]
async fn s14_chunks_that_are_mostly_frame_are_cut_off() {
    let chunked = write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let protocol = "200:  then AB0606: the upstream does not speak HTTP as it should";
    let forever = |bytes: &[u8]| vec![chunked.clone(), Act::WriteForever(bytes.to_vec())];
    // A length that no number holds, an extension without end.
    check(forever(b"ffffffffffffffffff"), protocol).await;
    check(forever(b"1;extension"), protocol).await;
    // Trailers without end, after the body.
    let trailers = [
        chunked.clone(),
        write("0\r\n"),
        Act::WriteForever(b"x-a: b\r\n".to_vec()),
    ];
    check(trailers.into(), protocol).await;
    let one = [
        chunked.clone(),
        write("0\r\nx-long: "),
        Act::WriteForever(b"b".to_vec()),
    ];
    check(one.into(), protocol).await;
    // A length that never ends and never grows only takes time.
    let upstream = Upstream::start(forever(b"0")).await;
    let fixture = Fixture::new(&upstream.origin());
    let outcome = Call::get(&fixture, &hurried()).outcome().await;
    assert_eq!(outcome, "200:  then AB0604: the call took too long");
}

/// A sender that waits for nothing much longer than a moment.
fn hurried() -> crate::Sender {
    let bounds = agentbox_policy::Bounds {
        first_byte: std::time::Duration::from_millis(300),
        call: std::time::Duration::from_millis(600),
        ..agentbox_policy::Bounds::default()
    };
    crate::Sender::new(crate::Reach::default(), &bounds).expect("no certificates to read")
}

#[tokio::test]
async fn s14_a_million_chunks_are_one_body() {
    let chunks = "1\r\n\n\r\n".repeat(1_000_000);
    let acts = vec![
        write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        write(&chunks),
        write("0\r\n\r\n"),
    ];
    let upstream = Upstream::start(acts).await;
    let fixture = Fixture::new(&upstream.origin());
    let outcome = Call::get(&fixture, &sender()).outcome().await;
    assert_eq!(outcome.len(), "200: ".len() + 1_000_000);
}

#[tokio::test]
async fn s07_a_status_line_without_end_is_cut_off() {
    let line = format!("HTTP/1.1 200 {}", "O".repeat(1 << 20));
    check(vec![write(&line), Act::Hang], HEAD).await;
    check(
        vec![write("HTTP/1.1 200 "), Act::WriteForever(b"OK".to_vec())],
        HEAD,
    )
    .await;
}

#[tokio::test]
async fn s08_interim_replies_without_end_have_a_deadline() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
    let upstream = Upstream::start(vec![Act::WriteForever(interim)]).await;
    let fixture = Fixture::new(&upstream.origin());
    let outcome = Call::get(&fixture, &hurried()).outcome().await;
    assert_eq!(outcome, "AB0604: the upstream took too long to answer");
}
