//! What an upstream gets to see.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentbox_gate::{Body, BodyFailure, Cause, Failure};
use agentbox_policy::Code;
use bytes::Bytes;
use http_body::Frame;
use sha2::{Digest as _, Sha256};
use tokio::sync::Barrier;

use super::upstream::{Act, Upstream, play, reply};
use super::{Call, sender};
use crate::testing::fixture::Fixture;

/// A body whose length is not known.
struct Streamed(VecDeque<Result<Frame<Bytes>, BodyFailure>>);

impl Streamed {
    fn body(pieces: &[&'static str]) -> Body {
        let data = |piece: &&'static str| Ok(Frame::data(Bytes::from_static(piece.as_bytes())));
        Body::new(Self(pieces.iter().map(data).collect()))
    }
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        Poll::Ready(self.0.pop_front())
    }
}

/// The request as it arrived: its first line, its headers in order of their names, and its body.
async fn arrived(fixture: &Fixture, upstream: Upstream, call: Call<'_>) -> String {
    assert_eq!(call.outcome().await, "200: ");
    let heard = upstream
        .heard
        .await
        .expect("served")
        .replace(&fixture.key, "KEY");
    let (head, body) = heard.split_once("\r\n\r\n").expect("a head");
    let (line, headers) = head.split_once("\r\n").expect("headers");
    let mut headers: Vec<_> = headers.split("\r\n").collect();
    headers.sort_unstable();
    format!(
        "{line}\n{}\n\n{}",
        headers.join("\n"),
        body.replace("\r\n", "\n")
    )
    .replace(&upstream.address.to_string(), "HOST")
}

async fn placed(placement: &str, key: &str, line: &str) -> String {
    let upstream = Upstream::start(vec![reply("200 OK", "", "")]).await;
    let fixture = Fixture::with(&upstream.origin(), placement, key);
    let sender = sender();
    let call = Call {
        line,
        headers: &[("accept", "*/*")],
        ..Call::get(&fixture, &sender)
    };
    arrived(&fixture, upstream, call).await
}

#[tokio::test]
async fn each_placement_puts_the_key_where_it_says_and_nothing_else_is_added() {
    let key = "canary-12345678";
    assert_eq!(
        placed("\"bearer\"", key, "GET /things").await,
        "GET /things HTTP/1.1\naccept-encoding: identity\naccept: */*\nauthorization: Bearer KEY\nhost: HOST\n\n",
    );
    assert_eq!(
        placed(
            "{ header = \"x-key\", prefix = \"Token \" }",
            key,
            "GET /things?a=b&c"
        )
        .await,
        "GET /things?a=b&c HTTP/1.1\naccept-encoding: identity\naccept: */*\nhost: HOST\nx-key: Token KEY\n\n",
    );
    assert_eq!(
        placed("{ basic = \"some\" }", key, "GET /things").await,
        "GET /things HTTP/1.1\naccept-encoding: identity\naccept: */*\n\
         authorization: Basic c29tZTpjYW5hcnktMTIzNDU2Nzg=\nhost: HOST\n\n",
    );
    assert_eq!(
        placed("{ query = \"key\" }", key, "GET /things").await,
        "GET /things?key=KEY HTTP/1.1\naccept-encoding: identity\naccept: */*\nhost: HOST\n\n",
    );
    assert_eq!(
        placed("{ query = \"key\" }", "canary &=%+#/", "GET /things?a=%20").await,
        "GET /things?a=%20&key=canary%20%26%3D%25%2B%23%2F HTTP/1.1\naccept-encoding: identity\n\
         accept: */*\nhost: HOST\n\n",
    );
}

/// A body on its way: how it is framed, or why it is not sent.
async fn framed(line: &str, headers: &[(&str, &str)], body: Body) -> String {
    let end = if headers.is_empty() {
        "0\r\n\r\n"
    } else {
        "end"
    };
    let wait = if line.starts_with("POST") {
        vec![Act::Await(end)]
    } else {
        vec![]
    };
    let upstream = Upstream::start([wait, vec![reply("200 OK", "", "")]].concat()).await;
    let fixture = Fixture::new(&upstream.origin());
    let sender = sender();
    let call = Call {
        line,
        headers,
        body,
        ..Call::get(&fixture, &sender)
    };
    let text = arrived(&fixture, upstream, call).await;
    let common = [
        "accept-encoding: identity\n",
        "authorization: Bearer KEY\n",
        "host: HOST\n",
    ];
    common
        .iter()
        .fold(text, |text, line| text.replace(line, ""))
}

#[tokio::test]
async fn a_body_is_framed_by_its_length_where_that_is_known() {
    let post = framed(
        "POST /things",
        &[("content-length", "7")],
        Streamed::body(&["the ", "end"]),
    );
    assert_eq!(
        post.await,
        "POST /things HTTP/1.1\ncontent-length: 7\n\nthe end"
    );
    let post = framed("POST /things", &[], Streamed::body(&["the ", "", "end"]));
    let chunked = "POST /things HTTP/1.1\ntransfer-encoding: chunked\n\n4\nthe \n3\nend\n0\n\n";
    assert_eq!(post.await, chunked);
    for (body, method) in [
        (Body::empty(), "GET"),
        (Streamed::body(&[""]), "DELETE"),
        (Streamed::body(&[]), "HEAD"),
    ] {
        let bare = framed(&format!("{method} /things"), &[], body).await;
        assert_eq!(
            bare,
            format!("{method} /things HTTP/1.1\n\n\n").replacen("\n\n\n", "\n\n", 1)
        );
    }
}

#[tokio::test]
async fn a_body_is_sent_whatever_the_method() {
    for method in ["GET", "HEAD", "DELETE"] {
        let acts = vec![Act::Await("0\r\n\r\n"), reply("200 OK", "", "")];
        let upstream = Upstream::start(acts).await;
        let fixture = Fixture::new(&upstream.origin());
        let sender = sender();
        let call = Call {
            line: &format!("{method} /things"),
            body: Streamed::body(&["", "a", "bc"]),
            ..Call::get(&fixture, &sender)
        };
        let text = arrived(&fixture, upstream, call).await;
        let body = "\ntransfer-encoding: chunked\n\n1\na\n2\nbc\n0\n\n";
        assert!(text.ends_with(body), "{text}");
    }
}

#[tokio::test]
async fn a_post_without_a_body_says_so() {
    let upstream = Upstream::start(vec![reply("200 OK", "", "")]).await;
    let fixture = Fixture::new(&upstream.origin());
    let sender = sender();
    let call = Call {
        line: "POST /things",
        ..Call::get(&fixture, &sender)
    };
    assert!(
        arrived(&fixture, upstream, call)
            .await
            .contains("content-length: 0\n")
    );
}

async fn refused(line: &str, headers: &[(&str, &str)], body: Body) -> String {
    let upstream = Upstream::start(vec![Act::Hang]).await;
    let fixture = Fixture::new(&upstream.origin());
    let sender = sender();
    let call = Call {
        line,
        headers,
        body,
        ..Call::get(&fixture, &sender)
    };
    call.outcome().await
}

#[tokio::test]
async fn a_body_that_is_not_as_announced_ends_the_call() {
    let announced = [("content-length", "3")];
    let mismatch = "AB0505: the request's body is not as long as announced";
    for pieces in [&["long"][..], &["to", "long"], &["s"], &[]] {
        let body = Streamed::body(pieces);
        assert_eq!(
            refused("POST /things", &announced, body).await,
            mismatch,
            "{pieces:?}"
        );
    }
    let full = Body::full(Bytes::from_static(b"four"));
    assert_eq!(refused("POST /things", &announced, full).await, mismatch);
    let none = [("content-length", "0")];
    assert_eq!(
        refused("POST /things", &none, Streamed::body(&["a"])).await,
        mismatch
    );
}

#[tokio::test]
async fn what_follows_the_announced_end_of_a_body_never_leaves() {
    let body = Streamed::body(&["end", "less"]);
    let post = framed("POST /things", &[("content-length", "3")], body).await;
    assert_eq!(post, "POST /things HTTP/1.1\ncontent-length: 3\n\nend");
}

#[tokio::test]
async fn h17_trailers_are_not_sent() {
    let trailers = Frame::trailers(http::HeaderMap::new());
    let body = Body::new(Streamed(
        [Ok(Frame::data(Bytes::from_static(b"a"))), Ok(trailers)].into(),
    ));
    let expected = "AB0505: the request has trailers, which are not sent";
    assert_eq!(refused("POST /things", &[], body).await, expected);
}

#[tokio::test]
async fn h21_what_a_body_says_about_headers_stays_in_the_body() {
    let text =
        "--b\r\ncontent-disposition: form-data; filename=\"a\r\nx-b: c\"\r\n\r\n\r\n--b--\r\nend";
    let length = text.len().to_string();
    let headers = [
        ("content-type", "text/plain; boundary=b"),
        ("content-length", &*length),
    ];
    let post = framed("POST /things", &headers, Streamed::body(&[text])).await;
    let expected = format!(
        "POST /things HTTP/1.1\ncontent-length: {length}\ncontent-type: text/plain; boundary=b\n\n{}",
        text.replace("\r\n", "\n")
    );
    assert_eq!(post, expected);
}

#[tokio::test]
async fn h22_h23_a_reply_leaves_nothing_for_the_next_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    let fixture = Fixture::new(&format!("http://{address}"));
    let sender = sender();
    let headers = "set-cookie: session=1; path=/\r\nlocation: /things?b\r\nalt-svc: h3=\":1\"\r\n";
    for _ in 0..2 {
        let call = Call::get(&fixture, &sender);
        let served = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            play(stream, vec![reply("302 Found", headers, "")]).await
        };
        let (outcome, heard) = tokio::join!(call.outcome(), served);
        assert_eq!(outcome, "302: ");
        let mut lines: Vec<_> = heard.trim_end().split("\r\n").skip(1).collect();
        lines.sort_unstable();
        let key = format!("authorization: Bearer {}", fixture.key);
        let host = format!("host: {address}");
        assert_eq!(lines, ["accept-encoding: identity", &key, &host]);
    }
}

#[tokio::test]
async fn a_body_that_fails_ends_the_call_with_its_own_reason() {
    let failure = Failure::new(Code::STOPPED, Cause::Stopped, "the run has been stopped");
    for line in ["POST /things", "GET /things"] {
        let body = Body::new(Streamed([Err(Box::new(failure.clone()))].into()));
        assert_eq!(
            refused(line, &[], body).await,
            "AB0212: the run has been stopped"
        );
    }
}

#[tokio::test]
async fn traffic_counts_both_bodies() {
    let upstream =
        Upstream::start(vec![Act::Await("0\r\n\r\n"), reply("200 OK", "", "ok\n")]).await;
    let (address, fixture, sender) = (upstream.address, Fixture::new(&upstream.origin()), sender());
    let body = Streamed::body(&["123", "45"]);
    let call = Call {
        line: "POST /things",
        body,
        ..Call::get(&fixture, &sender)
    };
    let mut answered = call.answer().await.expect("a reply");
    while let Some(Ok(_)) = http_body_util::BodyExt::frame(&mut answered.reply.body).await {}
    let traffic = &answered.traffic;
    let sent = traffic.sent().expect("a request was sent");
    assert_eq!(
        (sent.bytes, traffic.received(), traffic.address()),
        (5, 3, address)
    );
    assert_eq!(sent.digest, *Sha256::digest("12345"));
}

#[tokio::test]
async fn ten_requests_are_under_way_at_the_same_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let fixture = Fixture::new(&format!(
        "http://{}",
        listener.local_addr().expect("an address")
    ));
    // Nobody is answered before all ten have asked.
    let all = std::sync::Arc::new(Barrier::new(10));
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let all = all.clone();
            tokio::spawn(async move {
                all.wait().await;
                play(stream, vec![reply("200 OK", "", "ok")]).await
            });
        }
    });
    let (fixture, sender) = (std::sync::Arc::new(fixture), sender());
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (fixture, sender) = (fixture.clone(), sender.clone());
            tokio::spawn(async move { Call::get(&fixture, &sender).outcome().await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), "200: ok");
    }
    server.abort();
}
