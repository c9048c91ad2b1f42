//! Upstreams that speak HTTP/2 to hurt, and connections that calls share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agentbox_gate::Body;
use agentbox_policy::Bounds;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::Barrier;

use super::Call;
use super::frames::*;
use crate::testing::fixture::Fixture;

const BROKE: &str = "AB0606: the connection broke before the end of the reply";
const ODD: &str = "AB0606: the upstream does not speak HTTP as it should";
const LATE: &str = "AB0604: the upstream took too long to answer";
const CALL: &str = "AB0604: the call took too long";

fn bounds() -> Bounds {
    Bounds {
        first_byte: Duration::from_secs(2),
        call: Duration::from_secs(4),
        ..Bounds::default()
    }
}

/// What a call comes to with a server that does this with each request's stream.
async fn outcome<F>(script: impl Fn(Peer, u32) -> F + Copy + Send + Sync + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Server::start(&[], move |mut peer| async move {
        if let Some(stream) = peer.request().await {
            script(peer, stream).await;
        }
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&bounds());
    let start = Instant::now();
    let outcome = Call::get(&fixture, &sender).outcome().await;
    assert!(start.elapsed() < Duration::from_secs(60), "{outcome}");
    assert_eq!(server.seen(), (1, 1), "{outcome}");
    outcome
}

/// The same, for a server that answers with these bytes and then waits.
async fn replied(reply: impl Fn(u32) -> Vec<u8> + Copy + Send + Sync + 'static) -> String {
    outcome(move |mut peer, stream| async move {
        peer.write(&reply(stream)).await;
        peer.hang().await;
    })
    .await
}

/// The same, for a server that answers with the first bytes, and then with the others for ever.
async fn flooded(
    first: fn(u32) -> Vec<u8>,
    again: impl Fn(u32) -> Vec<u8> + Copy + Send + Sync + 'static,
) -> String {
    outcome(move |mut peer, stream| async move {
        peer.write(&first(stream)).await;
        peer.write_forever(&again(stream)).await;
    })
    .await
}

fn nothing(_stream: u32) -> Vec<u8> {
    Vec::new()
}

fn began(stream: u32) -> Vec<u8> {
    head(stream, 0, STATUS_200)
}

#[track_caller]
fn one_of(outcome: &str, expected: &[&str]) {
    assert!(expected.contains(&outcome), "{outcome}");
}

#[tokio::test]
async fn a_reply_by_hand_is_a_reply() {
    assert_eq!(replied(ok).await, "200: ok");
    // Trailers, and frames of kinds that nobody knows, are passed over.
    let trailers = |stream| {
        let rest = [
            frame(0xbe, 0xff, stream, b"?"),
            frame(DATA, 0, stream, b"ok"),
            head(stream, END_STREAM, &header("x-seen", "late")),
        ];
        [began(stream), rest.concat()].concat()
    };
    assert_eq!(replied(trailers).await, "200: ok");
}

#[tokio::test]
async fn s08_a_head_that_goes_on_for_ever_is_cut_off() {
    // Frames of one head without end: empty ones, and full ones.
    let begin = |stream| frame(HEADERS, 0, stream, STATUS_200);
    for text in ["", "x-long: what a header has to say"] {
        let more = move |stream| {
            let block = if text.is_empty() {
                Vec::new()
            } else {
                header("x-a", text)
            };
            frame(CONTINUATION, 0, stream, &block)
        };
        one_of(&flooded(begin, more).await, &[ODD, BROKE]);
    }
    // Heads before the head, without end.
    let early = |stream| head(stream, 0, &header(":status", "103"));
    one_of(&flooded(nothing, early).await, &[ODD, BROKE, LATE]);
}

#[tokio::test]
async fn s08_a_head_that_unpacks_to_more_than_it_may_be_is_refused() {
    // One entry of the table, and then a byte for each time it is meant.
    let bomb = |stream| {
        let value = "v".repeat(120);
        let mut entry = header("x-bomb", &value);
        entry[0] = 0x40;
        let block = [STATUS_200, &entry, &[0xbe; 16_000]].concat();
        head(stream, END_STREAM, &block)
    };
    let large = "AB0605: the reply's head is larger than it may be";
    one_of(&replied(bomb).await, &[ODD, BROKE, large]);
    let many = |stream| {
        let block = [STATUS_200, &header("x-a", "b").repeat(101)].concat();
        head(stream, END_STREAM, &block)
    };
    one_of(&replied(many).await, &[ODD, BROKE, large]);
    // A table that is to hold a gigabyte.
    let table = |stream| {
        head(
            stream,
            END_STREAM,
            &[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x03, 0x88],
        )
    };
    one_of(&replied(table).await, &[ODD, BROKE]);
    // An index that stands for nothing, and a length that is not there.
    for block in [
        &[0xff, 0xff, 0x7f][..],
        &[0x00, 0x7f, 0xff, 0xff, 0xff, 0x7f],
    ] {
        let odd: &'static [u8] = Box::leak(block.into());
        one_of(
            &replied(move |stream| head(stream, END_STREAM, odd)).await,
            &[ODD, BROKE],
        );
    }
}

#[tokio::test]
async fn s08_frames_that_say_nothing_do_not_hold_a_call_open() {
    let body = format!("200:  then {CALL}");
    let odd = format!("200:  then {ODD}");
    let broke = format!("200:  then {BROKE}");
    let empty = |stream| frame(DATA, 0, stream, &[]);
    one_of(&flooded(began, empty).await, &[&body, &odd, &broke]);
    let padded = |stream| frame(DATA, 8, stream, &[3, 0, 0, 0]);
    one_of(&flooded(began, padded).await, &[&body, &odd, &broke]);
    let unknown = |stream| frame(0xbe, 0, stream, b"?");
    one_of(&flooded(nothing, unknown).await, &[LATE, ODD, BROKE]);
    let window = |stream| frame(WINDOW, 0, stream, &[0, 0, 0, 1]);
    one_of(&flooded(nothing, window).await, &[LATE, ODD, BROKE]);
}

#[tokio::test]
async fn s08_a_flood_of_settings_or_pings_ends_in_one_error() {
    let settings = |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    one_of(&flooded(nothing, settings).await, &[LATE, ODD, BROKE]);
    let ping = |_| frame(PING, 0, 0, &[0; 8]);
    one_of(&flooded(nothing, ping).await, &[LATE, ODD, BROKE]);
    let acknowledged = |_| frame(SETTINGS, 1, 0, &[]);
    one_of(&flooded(nothing, acknowledged).await, &[LATE, ODD, BROKE]);
}

#[tokio::test]
async fn s08_streams_that_are_reset_end_in_one_error() {
    for reason in [0, 2, 7, 8, 11, 0xffff] {
        let reset = move |stream| frame(RESET, 0, stream, &u32::to_be_bytes(reason));
        one_of(&replied(reset).await, &[ODD, BROKE]);
    }
    let late = |stream| {
        let reset = frame(RESET, 0, stream, &8_u32.to_be_bytes());
        [began(stream), frame(DATA, 0, stream, b"a\n"), reset].concat()
    };
    let outcome = replied(late).await;
    let ends = [ODD, BROKE].map(|end| format!("200: a\n then {end}"));
    // What came with the end may be lost with it.
    let lost = [ODD, BROKE].map(|end| format!("200:  then {end}"));
    one_of(
        &outcome,
        &[&ends[0], &ends[1], &lost[0], &lost[1], ODD, BROKE],
    );
    let storm = |stream: u32| {
        let storm = (1..500).map(|n| frame(RESET, 0, stream + 2 * n, &[0; 4]));
        storm.collect::<Vec<_>>().concat()
    };
    one_of(&replied(storm).await, &[ODD, BROKE]);
}

#[tokio::test]
async fn s08_an_upstream_that_goes_away_is_not_asked_again() {
    let goaway = |last: u32, reason: u32| {
        frame(
            GOAWAY,
            0,
            0,
            &[last.to_be_bytes(), reason.to_be_bytes()].concat(),
        )
    };
    // Whether or not it says that it has not looked at the request.
    for reason in [0, 2, 11] {
        one_of(&replied(move |_| goaway(0, reason)).await, &[ODD, BROKE]);
        let failed = replied(move |stream| goaway(stream, reason)).await;
        one_of(&failed, &[ODD, BROKE, LATE]);
    }
    // It may finish what it began; the next call finds a connection of its own.
    let server = Server::start(&[], move |mut peer| async move {
        while let Some(stream) = peer.request().await {
            peer.write(&[goaway(stream, 0), ok(stream)].concat()).await;
        }
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    for calls in 1..=3 {
        assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
        assert_eq!(server.seen(), (calls, calls));
    }
}

#[tokio::test]
async fn s08_a_head_that_http2_does_not_have_is_refused() {
    let with = |name: &'static str, value: &'static str| {
        replied(move |stream| {
            let block = [STATUS_200, &header(name, value)].concat();
            [
                head(stream, 0, &block),
                frame(DATA, END_STREAM, stream, b"ok"),
            ]
            .concat()
        })
    };
    for (name, value) in [
        ("X-Upper", "1"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
        (":status", "200"),
        (":status", "204"),
        (":unknown", "1"),
        ("", "empty"),
        ("a b", "1"),
        ("x-a", "line\r\nbreak"),
        ("x-a", "nul\0"),
        ("content-length", "3"),
        ("content-length", "1"),
        ("content-length", "x"),
        ("content-length", "+2"),
    ] {
        let outcome = with(name, value).await;
        // A length that turns out wrong is known only then.
        let ends = [ODD.to_owned(), format!("200:  then {ODD}")];
        assert!(ends.contains(&outcome), "{name}: {value}: {outcome}");
    }
    let blocks: [Vec<u8>; 5] = [
        Vec::new(),
        header("x-a", "no status"),
        [header("x-a", "b"), STATUS_200.to_vec()].concat(),
        header(":status", "20"),
        header(":status", "abc"),
    ];
    for block in blocks {
        let block: &'static [u8] = block.leak();
        let outcome = replied(move |stream| head(stream, END_STREAM, block)).await;
        assert!(outcome.starts_with("AB0606: "), "{block:?}: {outcome}");
    }
}

#[tokio::test]
async fn s08_frames_out_of_place_end_in_one_error() {
    let cases: [fn(u32) -> Vec<u8>; 12] = [
        |_| frame(DATA, END_STREAM, 0, b"ok"),
        |_| frame(HEADERS, END_HEADERS, 0, STATUS_200),
        |stream| frame(DATA, END_STREAM, stream, b"ok"),
        |stream| frame(DATA, 0, stream + 2, b"ok"),
        |stream| frame(CONTINUATION, END_HEADERS, stream, STATUS_200),
        |stream| {
            [
                frame(HEADERS, 0, stream, STATUS_200),
                frame(DATA, 0, stream, b"ok"),
            ]
            .concat()
        },
        |stream| frame(PUSH, END_HEADERS, stream, &[0, 0, 0, 2, 0x82]),
        |_| frame(HEADERS, END_HEADERS, 2, STATUS_200),
        |_| frame(SETTINGS, 0, 0, &[0; 5]),
        |_| frame(WINDOW, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        |_| frame(WINDOW, 0, 0, &[0; 4]),
        |stream| frame(DATA, END_STREAM, stream, &[b'x'; 20_000]),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        let outcome = replied(case).await;
        assert!([ODD, BROKE].contains(&&*outcome), "{number}: {outcome}");
    }
    // Not HTTP/2 at all.
    let text = |_| b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    one_of(&replied(text).await, &[ODD, BROKE]);
}

#[tokio::test]
async fn s09_a_body_where_none_belongs_is_not_delivered() {
    for status in ["204", "304"] {
        let reply = move |stream| {
            let head = head(stream, 0, &header(":status", status));
            [head, frame(DATA, END_STREAM, stream, b"bad")].concat()
        };
        let expected = "AB0606: the reply has a body where none belongs";
        assert_eq!(replied(reply).await, format!("{status}:  then {expected}"));
    }
    // What follows the end is no part of it, and nobody else's either.
    let more = |stream| [ok(stream), frame(DATA, 0, stream, b"bad")].concat();
    assert_eq!(replied(more).await, "200: ok");
}

#[tokio::test]
async fn s13_an_upstream_that_drips_frames_has_a_deadline() {
    let slow = outcome(|mut peer, stream| async move {
        peer.write(&began(stream)).await;
        while peer.write(&frame(DATA, 0, stream, b"a\n")).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let slow = slow.await;
    assert!(
        slow.starts_with("200: a\n") && slow.ends_with(CALL),
        "{slow}"
    );
    let silent = outcome(|peer, _| peer.hang());
    assert_eq!(silent.await, LATE);
}

#[tokio::test]
async fn s14_a_body_without_end_is_cut_off_over_http2() {
    // The server keeps to no window, and every window is given back as it is read.
    let server = Server::start(&[], |mut peer| async move {
        let stream = peer.request().await.expect("a request");
        peer.write(&began(stream)).await;
        peer.write_forever(&frame(DATA, 0, stream, &[b'\n'; 1000]))
            .await;
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds {
        reply_body: 400_000,
        ..Bounds::default()
    });
    let outcome = Call::get(&fixture, &sender).outcome().await;
    let end = " then AB0605: the reply's body has more than 400000 bytes";
    assert!(outcome.ends_with(end), "{}", outcome.len());
    assert!(outcome.len() < 401_000, "{}", outcome.len());
    // Nor does a reply that nobody reads fill the memory.
    let mut answered = Call::get(&fixture, &sender).answer().await.expect("a head");
    tokio::time::sleep(Duration::from_millis(200)).await;
    while let Some(Ok(_)) = answered.reply.body.frame().await {}
    let received = answered.traffic.received();
    assert!(received < 3 << 20, "{received}");
}

/// A server for well-meant calls at once, each answered when as many have asked.
async fn sharing(settings: &'static [u8], at_once: usize) -> Server {
    let all = Arc::new(Barrier::new(at_once));
    Server::start(settings, move |mut peer| {
        let all = Arc::clone(&all);
        async move {
            while let Some(stream) = peer.request().await {
                if stream == 1 {
                    peer.write(&ok(stream)).await;
                } else {
                    all.wait().await;
                    peer.write(&ok(stream)).await;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn calls_share_an_http2_connection_one_after_the_other() {
    let server = sharing(&[], 1).await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    for calls in 1..=5 {
        assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
        assert_eq!(server.seen(), (1, calls));
    }
}

#[tokio::test]
async fn calls_share_an_http2_connection_at_once() {
    let all = Arc::new(Barrier::new(4));
    let server = Server::start(&[], move |mut peer| async move {
        let first = peer.request().await.expect("a request");
        peer.write(&ok(first)).await;
        // The others are answered together, the last one first.
        let mut waiting = Vec::new();
        while waiting.len() < 4 {
            waiting.push(peer.request().await.expect("a request"));
        }
        for stream in waiting.into_iter().rev() {
            peer.write(&ok(stream)).await;
        }
        peer.hang().await;
    });
    let server = server.await;
    let fixture = Arc::new(Fixture::new(&server.origin));
    let sender = server.sender(&Bounds::default());
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (fixture, sender, all) = (fixture.clone(), sender.clone(), all.clone());
            tokio::spawn(async move {
                all.wait().await;
                Call::get(&fixture, &sender).outcome().await
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), "200: ok");
    }
    assert_eq!(server.seen(), (1, 5));
}

#[tokio::test]
async fn a_call_does_not_wait_for_room_on_a_connection_that_has_none() {
    // One stream at a time is all that it takes, and the first reply does not end.
    let server = Server::start(&[0, 3, 0, 0, 0, 1], |mut peer| async move {
        while let Some(stream) = peer.request().await {
            peer.write(&[began(stream), frame(DATA, 0, stream, b"a\n")].concat())
                .await;
        }
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    let mut open = Vec::new();
    for calls in 1..=3 {
        let mut answered = Call::get(&fixture, &sender).answer().await.expect("a head");
        answered
            .reply
            .body
            .frame()
            .await
            .expect("a piece")
            .expect("no failure");
        open.push(answered);
        assert_eq!(server.seen(), (calls, calls));
    }
}

#[tokio::test]
async fn a_reply_that_is_dropped_is_reset_and_its_neighbour_goes_on() {
    let server = Server::start(&[], |mut peer| async move {
        let first = peer.request().await.expect("a request");
        peer.write(&ok(first)).await;
        let (one, other) = (
            peer.request().await.expect("a request"),
            peer.request().await.expect("a request"),
        );
        for stream in [one, other] {
            peer.write(&[began(stream), frame(DATA, 0, stream, b"a\n")].concat())
                .await;
        }
        // The end of the other comes only after the first was given up.
        assert!(peer.hears(RESET, one).await, "the stream was not reset");
        peer.write(&frame(DATA, END_STREAM, other, b"b\n")).await;
        peer.hang().await;
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    let one = Call::get(&fixture, &sender);
    let other = Call::get(&fixture, &sender);
    let (one, other) = tokio::join!(one.answer(), other.answer());
    let (mut one, mut other) = (one.expect("a head"), other.expect("a head"));
    assert_eq!(server.seen(), (1, 3));
    // Which of the two is the first on the wire is nobody's promise: both begin alike.
    for answered in [&mut one, &mut other] {
        let piece = answered.reply.body.frame().await.expect("a piece");
        assert_eq!(piece.expect("no failure").into_data().expect("data"), "a\n");
    }
    drop(one);
    let rest = other.reply.body.frame().await.expect("a piece");
    assert_eq!(rest.expect("no failure").into_data().expect("data"), "b\n");
    assert!(other.reply.body.frame().await.is_none());
}

#[tokio::test]
async fn a_reply_that_is_left_unread_does_not_hold_up_its_neighbour() {
    // As much as may be under way for one reply, and then another one.
    const WINDOW: usize = 1 << 20;
    let server = Server::start(&[], |mut peer| async move {
        let first = peer.request().await.expect("a request");
        peer.write(&ok(first)).await;
        let unread = peer.request().await.expect("a request");
        let piece = frame(DATA, 0, unread, &[b'\n'; 1 << 14]);
        let pieces = piece.repeat(WINDOW >> 14);
        peer.write(&[began(unread), pieces].concat()).await;
        let other = peer.request().await.expect("a request");
        let piece = frame(DATA, 0, other, &[b'\n'; 1 << 14]);
        let end = frame(DATA, END_STREAM, other, b"");
        peer.write(&[began(other), piece.repeat(10), end].concat())
            .await;
        peer.hang().await;
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    let unread = Call::get(&fixture, &sender).answer().await.expect("a head");
    let outcome = Call::get(&fixture, &sender).outcome().await;
    assert_eq!(outcome, format!("200: {}", "\n".repeat(10 << 14)));
    assert_eq!(server.seen(), (1, 3));
    drop(unread);
}

#[tokio::test]
async fn s10_a_reply_over_http2_before_the_request_is_whole_resets_the_rest() {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = agentbox_gate::BodyFailure;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let server = Server::start(&[], move |mut peer| {
        let tell = Arc::clone(&tell);
        async move {
            let stream = peer.request().await.expect("a request");
            peer.write(&ok(stream)).await;
            let reset = peer.hears(RESET, stream).await;
            let tell = tell.lock().expect("whole").take().expect("asked once");
            tell.send(reset).expect("somebody waits");
            peer.hang().await;
        }
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&Bounds::default());
    let post = Call {
        line: "POST /things",
        body: Body::new(Endless),
        ..Call::get(&fixture, &sender)
    };
    assert_eq!(post.outcome().await, "200: ok");
    let reset = tokio::time::timeout(Duration::from_secs(10), told).await;
    assert!(reset.expect("in time").expect("told"), "the upload goes on");
    assert_eq!(server.seen(), (1, 1));
}

#[tokio::test]
async fn an_upload_that_is_given_no_room_has_a_deadline() {
    // No window for bodies at all.
    let server = Server::start(&[0, 4, 0, 0, 0, 0], |mut peer| async move {
        peer.request().await;
        peer.hang().await;
    });
    let server = server.await;
    let fixture = Fixture::new(&server.origin);
    let sender = server.sender(&bounds());
    let post = Call {
        line: "POST /things",
        body: Body::full(Bytes::from(vec![b'x'; 100_000])),
        ..Call::get(&fixture, &sender)
    };
    one_of(&post.outcome().await, &[CALL, LATE]);
}
