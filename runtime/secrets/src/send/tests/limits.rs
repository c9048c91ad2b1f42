//! Deadlines, sizes and addresses.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agentbox_gate::{Body, Patience};
use agentbox_policy::Bounds;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::upstream::{Act, Upstream, reply, write};
use super::{Call, sender};
use crate::testing::fixture::Fixture;
use crate::{Reach, Resolver, Resolving, Sender};

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(3600);

fn bounded(change: impl FnOnce(&mut Bounds)) -> Sender {
    let mut bounds = Bounds::default();
    change(&mut bounds);
    Sender::new(Reach::default(), &bounds).expect("no certificates to read")
}

async fn check(acts: Vec<Act>, sender: &Sender, patience: Patience, expected: &str) {
    let upstream = Upstream::start(acts.clone()).await;
    let fixture = Fixture::new(&upstream.origin());
    let call = Call {
        patience,
        ..Call::get(&fixture, sender)
    };
    assert_eq!(call.outcome().await, expected, "{acts:?}");
}

const ANSWER: &str = "AB0604: the upstream took too long to answer";
const CALL: &str = "AB0604: the call took too long";

#[tokio::test]
async fn the_first_byte_has_a_deadline_of_policy_or_guest_whichever_is_sooner() {
    let short = bounded(|bounds| bounds.first_byte = SHORT);
    check(vec![Act::Hang], &short, Patience::default(), ANSWER).await;
    let longer = Patience {
        first_byte: Some(LONG),
        ..Patience::default()
    };
    check(vec![Act::Hang], &short, longer, ANSWER).await;
    let shorter = Patience {
        first_byte: Some(SHORT),
        ..Patience::default()
    };
    check(vec![Act::Hang], &sender(), shorter, ANSWER).await;
    check(
        vec![write("HTTP/1.1 200"), Act::Hang],
        &sender(),
        shorter,
        ANSWER,
    )
    .await;
}

#[tokio::test]
async fn s13_a_call_has_a_deadline_even_while_bytes_drip() {
    let short = bounded(|bounds| bounds.call = 3 * SHORT);
    check(vec![Act::Hang], &short, Patience::default(), CALL).await;
    let mut drip = vec![write("HTTP/1.1 200 OK\r\n\r\n")];
    for _ in 0..50 {
        drip.extend([write("a\n"), Act::Pause(SHORT / 3)]);
    }
    let upstream = Upstream::start(drip).await;
    let fixture = Fixture::new(&upstream.origin());
    let outcome = Call::get(&fixture, &short).outcome().await;
    assert!(
        outcome.starts_with("200: a\na\n") && outcome.ends_with(CALL),
        "{outcome}"
    );
}

#[tokio::test]
async fn a_guest_may_limit_the_wait_between_two_pieces() {
    let patience = Patience {
        between_bytes: Some(SHORT),
        ..Patience::default()
    };
    let silent = vec![write("HTTP/1.1 200 OK\r\n\r\na\n"), Act::Hang];
    let expected = "200: a\n then AB0604: the next piece of the reply took too long";
    check(silent, &sender(), patience, expected).await;
    check(
        vec![reply("200 OK", "", "ok")],
        &sender(),
        patience,
        "200: ok",
    )
    .await;
}

#[tokio::test]
async fn a_guest_body_that_never_comes_does_not_hold_a_call_open() {
    struct Silent;
    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = agentbox_gate::BodyFailure;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    let short = bounded(|bounds| bounds.call = SHORT);
    for line in ["POST /things", "GET /things"] {
        let upstream = Upstream::start(vec![Act::Hang]).await;
        let fixture = Fixture::new(&upstream.origin());
        let call = Call {
            line,
            body: Body::new(Silent),
            ..Call::get(&fixture, &short)
        };
        assert_eq!(call.outcome().await, CALL);
    }
}

#[tokio::test]
async fn s14_a_reply_body_has_a_cap_announced_or_not() {
    let small = bounded(|bounds| bounds.reply_body = 10);
    let none = Patience::default();
    let large = "the reply's body has more than 10 bytes";
    check(
        vec![reply("200 OK", "", "12345678901")],
        &small,
        none,
        &format!("AB0605: {large}"),
    )
    .await;
    check(
        vec![reply("200 OK", "", "1234567890")],
        &small,
        none,
        "200: 1234567890",
    )
    .await;
    let endless = vec![
        write("HTTP/1.1 200 OK\r\n\r\n1234567\n\n"),
        Act::Pause(SHORT),
        Act::WriteForever(vec![b'x'; 64]),
    ];
    check(
        endless,
        &small,
        none,
        &format!("200: 1234567\n\n then AB0605: {large}"),
    )
    .await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let ten = write(&format!("{chunked}a\r\n123456789\n\r\n0\r\n\r\n"));
    check(vec![ten], &small, none, "200: 123456789\n").await;
    let eleven = write(&format!("{chunked}b\r\n1234567890\n\r\n0\r\n\r\n"));
    let expected = format!("200:  then AB0605: {large}");
    check(vec![eleven], &small, none, &expected).await;
    // The length that a reply to HEAD tells is of no body that comes.
    let upstream = Upstream::start(vec![write(
        "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n",
    )])
    .await;
    let fixture = Fixture::new(&upstream.origin());
    let call = Call {
        line: "HEAD /things",
        ..Call::get(&fixture, &small)
    };
    assert_eq!(call.outcome().await, "200: ");
}

#[tokio::test]
async fn a_request_body_has_a_cap_and_a_known_excess_is_never_dialled() {
    let small = bounded(|bounds| bounds.request_body = 4);
    let large = "AB0505: the request's body has more than 4 bytes";
    for headers in [&[("content-length", "5")][..], &[]] {
        let upstream = Upstream::start(vec![Act::Hang]).await;
        let fixture = Fixture::new(&upstream.origin());
        let body = Body::full(Bytes::from_static(b"12345"));
        let call = Call {
            line: "POST /things",
            headers,
            body,
            ..Call::get(&fixture, &small)
        };
        assert_eq!(call.outcome().await, large);
        assert!(!upstream.heard.is_finished());
        upstream.heard.abort();
    }
}

#[tokio::test]
async fn the_operator_is_told_the_bound_that_was_met_or_that_it_was_the_programs_own() {
    async fn told(acts: Vec<Act>, sender: Sender, patience: Patience, expected: &str) {
        let upstream = Upstream::start(acts).await;
        let fixture = Fixture::new(&upstream.origin());
        let call = Call {
            patience,
            ..Call::get(&fixture, &sender)
        };
        assert_eq!(call.facts().await, expected);
    }
    let none = Patience::default();
    let begun = || vec![write("HTTP/1.1 200 OK\r\n\r\na\n"), Act::Hang];
    let answer = "the upstream took longer to answer than the 60ms that ";
    let first_byte = bounded(|bounds| bounds.first_byte = SHORT);
    let expected = format!("{answer}`[run] first-byte` and `--first-byte` allow");
    told(vec![Act::Hang], first_byte, none, &expected).await;
    let own = Patience {
        first_byte: Some(SHORT),
        between_bytes: Some(SHORT),
        // As little as a call has left that waited for its turn.
        call: Some(20 * SHORT),
        ..none
    };
    let expected = format!("{answer}the program itself allows");
    told(vec![Act::Hang], sender(), own, &expected).await;
    let expected =
        "the next piece of the reply took longer than the 60ms that the program itself allows";
    told(begun(), sender(), own, expected).await;
    let left = Patience {
        call: Some(SHORT),
        ..none
    };
    let expected = "the call took longer than the 2m that `[run] call` and `--call` allow";
    told(vec![Act::Hang], sender(), left, expected).await;
    told(begun(), sender(), left, expected).await;
    let reply = vec![reply("200 OK", "", "12345678901")];
    let small = bounded(|bounds| bounds.reply_body = 10);
    let expected =
        "the reply's body is larger than the 10 B that `[run] reply-body` and `--reply-body` allow";
    told(reply, small, none, expected).await;

    let upstream = Upstream::start(vec![Act::Hang]).await;
    let fixture = Fixture::new(&upstream.origin());
    let small = bounded(|bounds| bounds.request_body = 4);
    let call = Call {
        line: "POST /things",
        body: Body::full(Bytes::from_static(b"12345")),
        ..Call::get(&fixture, &small)
    };
    let expected = "the request's body is larger than the 4 B that `[run] request-body` and \
                    `--request-body` allow";
    assert_eq!(call.facts().await, expected);
}

#[tokio::test]
async fn dropping_a_reply_closes_its_connection() {
    let acts = vec![
        write("HTTP/1.1 200 OK\r\n\r\n"),
        Act::WriteForever(vec![b'x'; 10_000]),
    ];
    let upstream = Upstream::start(acts).await;
    let fixture = Fixture::new(&upstream.origin());
    let answered = Call::get(&fixture, &sender())
        .answer()
        .await
        .expect("a reply");
    drop(answered);
    // The server writes until nobody is there any more.
    upstream.heard.await.expect("an end");
}

/// A resolver with one answer for all names.
struct Answer(Option<Vec<IpAddr>>);

impl Resolver for Answer {
    fn resolve(&self, _host: String) -> Resolving {
        let answer = self.0.clone();
        Box::pin(async move {
            match answer {
                Some(addresses) => Ok(addresses),
                None => std::future::pending().await,
            }
        })
    }
}

fn resolving(answer: Option<&[&str]>) -> Sender {
    let parse = |text: &&str| text.parse().expect("an address");
    let answer = Answer(answer.map(|texts| texts.iter().map(parse).collect()));
    let bounds = Bounds {
        connect: 5 * SHORT,
        ..Bounds::default()
    };
    let reach = Reach {
        resolver: Arc::new(answer),
        ..Reach::default()
    };
    Sender::new(reach, &bounds).expect("no certificates to read")
}

/// An address that nobody else gets and where nobody listens.
fn taken(address: &str) -> tokio::net::TcpSocket {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind(address.parse().expect("an address"))
        .expect("a free port");
    socket
}

/// What a call to a name comes to; the name may lead to 127.0.0.1 and public addresses only.
async fn named(answer: Option<&[&str]>) -> (String, String) {
    let taken = taken("127.0.0.1:0");
    let port = taken.local_addr().expect("an address").port();
    let fixture = Fixture::new(&format!("https://api.widgets.example:{port}"));
    let keyed = fixture
        .secrets
        .inject(fixture.recorded("GET /things", &[]).await)
        .await;
    let keyed = keyed.expect("a key");
    let sent = resolving(answer)
        .send(keyed, Body::empty(), Patience::default())
        .await;
    let error = sent.expect_err("nobody is there");
    assert!(error.traffic().is_none());
    fixture.check(&error);
    let guest = format!("{}: {}", error.code(), error.guest_message());
    (guest, error.to_string().replace(&port.to_string(), "PORT"))
}

#[tokio::test]
async fn d01_an_address_that_is_not_admitted_is_never_dialled() {
    let denied = "AB0210: the name leads to an address that is not allowed";
    for address in [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.2",
    ] {
        let (guest, operator) = named(Some(&[address])).await;
        assert_eq!(guest, denied);
        let place = "`api.widgets.example` leads to ";
        assert_eq!(
            operator,
            format!("{place}{address}, which the policy does not admit")
        );
    }
    // The forbidden one listens, and is passed over all the same.
    let admitted = taken("127.0.0.1:0");
    let place = admitted.local_addr().expect("an address").port();
    let forbidden = tokio::net::TcpListener::bind(("127.0.0.2", place))
        .await
        .expect("nobody else uses 127.0.0.2");
    let port = forbidden.local_addr().expect("an address").port();
    let fixture = Fixture::new(&format!("https://api.widgets.example:{port}"));
    let keyed = fixture
        .secrets
        .inject(fixture.recorded("GET /things", &[]).await)
        .await;
    let sender = resolving(Some(&["127.0.0.2", "127.0.0.1"]));
    let sent = sender
        .send(keyed.expect("a key"), Body::empty(), Patience::default())
        .await;
    let error = sent
        .expect_err("nobody listens at the admitted one")
        .to_string();
    assert!(
        error.starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")),
        "{error}"
    );
    let accepted = tokio::time::timeout(SHORT, forbidden.accept()).await;
    assert!(accepted.is_err(), "the forbidden address was dialled");
}

#[tokio::test]
async fn d11_a_name_without_an_answer_is_one_error() {
    let unresolved = "AB0601: the name could not be resolved".to_owned();
    let place = "`api.widgets.example` cannot be resolved: ";
    let none = named(Some(&[])).await;
    assert_eq!(
        none,
        (unresolved.clone(), format!("{place}it has no address"))
    );
    let silent = named(None).await;
    assert_eq!(
        silent,
        (
            unresolved,
            format!("{place}the resolver did not answer in time")
        )
    );
    let many = vec!["127.0.0.2"; 20_000];
    assert!(named(Some(&many)).await.0.starts_with("AB0210"));
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_one_error() {
    let (guest, operator) = named(Some(&["127.0.0.1"])).await;
    assert_eq!(guest, "AB0602: the upstream could not be reached");
    assert!(
        operator.starts_with("cannot connect to 127.0.0.1:PORT: "),
        "{operator}"
    );
}

#[tokio::test]
async fn a_reply_streams_while_more_is_awaited() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n";
    let upstream = Upstream::start(vec![write(head), Act::Hang]).await;
    let fixture = Fixture::new(&upstream.origin());
    let mut answered = Call::get(&fixture, &sender())
        .answer()
        .await
        .expect("a reply");
    let frame = answered
        .reply
        .body
        .frame()
        .await
        .expect("an event")
        .expect("no failure");
    assert_eq!(frame.into_data().expect("data"), "data: 1\n\n");
}
