//! Connections that are used again, and those that must not be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agentbox_gate::Body;
use agentbox_policy::Bounds;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Call, sender};
use crate::testing::fixture::Fixture;
use crate::{Reach, Sender};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a server does for one request; `None` closes the connection.
type Script = fn(usize) -> Option<&'static str>;

/// A server that keeps connections and answers the nth request on each of them as its script says.
struct Server {
    origin: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (seen, heard) = (Arc::clone(&connections), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&heard), script));
            }
        });
        Self {
            origin: format!("http://{address}"),
            connections,
            requests,
            task,
        }
    }

    /// How many connections were made, and how many requests came over them.
    fn seen(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.connections), count(&self.requests))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, requests: Arc<AtomicUsize>, script: Script) {
    for number in 0.. {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => heard.push(byte),
                Err(_gone) => return,
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let Some(reply) = script(number) else { return };
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What `calls` calls, one after the other, come to with a server of this script.
async fn check(script: Script, expected: &[&str], seen: (usize, usize)) {
    let server = Server::start(script).await;
    let (fixture, sender) = (Fixture::new(&server.origin), sender());
    for (number, expected) in expected.iter().enumerate() {
        let outcome = Call::get(&fixture, &sender).outcome().await;
        assert_eq!(outcome, *expected, "call {number}");
        // Time for what comes unasked.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.seen(), seen);
}

const OK_TWICE: [&str; 2] = ["200: ok", "200: ok"];

#[tokio::test]
async fn a_connection_is_used_again_once_its_reply_was_read() {
    check(|_| Some(OK), &["200: ok"; 5], (1, 5)).await;
    let chunked =
        |_| Some("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    check(chunked, &OK_TWICE, (1, 2)).await;
    check(|_| Some("HTTP/1.1 204 No\r\n\r\n"), &["204: "; 2], (1, 2)).await;
}

#[tokio::test]
async fn a_connection_that_says_it_closes_is_not() {
    let close = |_| Some("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    check(close, &OK_TWICE, (2, 2)).await;
    let old = |_| Some("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok");
    check(old, &OK_TWICE, (2, 2)).await;
}

#[tokio::test]
async fn s02_what_follows_a_reply_is_never_the_next_one() {
    let second = |_| {
        Some(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
        )
    };
    check(second, &OK_TWICE, (2, 2)).await;
    let one = |_| Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\n");
    check(one, &OK_TWICE, (2, 2)).await;
    let after_last_chunk = |_| {
        Some(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        )
    };
    check(after_last_chunk, &OK_TWICE, (2, 2)).await;
}

#[tokio::test]
async fn s09_the_body_of_a_reply_that_has_none_is_never_the_next_one() {
    for reply in [
        "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
        "HTTP/1.1 304 Same\r\ncontent-length: 3\r\n\r\nbad",
    ] {
        let status = &reply[9..12];
        let script: Script = match status {
            "204" => {
                |_| Some("HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad")
            }
            _ => |_| Some("HTTP/1.1 304 Same\r\ncontent-length: 3\r\n\r\nbad"),
        };
        let expected = format!("{status}: ");
        check(script, &[&expected, &expected], (2, 2)).await;
    }
    let server = Server::start(|_| Some("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad")).await;
    let (fixture, sender) = (Fixture::new(&server.origin), sender());
    for _ in 0..2 {
        let head = Call {
            line: "HEAD /things",
            ..Call::get(&fixture, &sender)
        };
        assert_eq!(head.outcome().await, "200: ");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.seen(), (2, 2));
}

#[tokio::test]
async fn s04_a_reply_that_nobody_asked_for_is_nobodys() {
    // It comes a while after the first reply, while the connection is kept.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            let mut heard = [0; 4096];
            drop(stream.read(&mut heard).await);
            stream.write_all(OK.as_bytes()).await.expect("read");
            if connections == 2 {
                break;
            }
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let late = "HTTP/1.1 408 Late\r\ncontent-length: 3\r\n\r\nbad";
                drop(stream.write_all(late.as_bytes()).await);
                drop(stream.read(&mut heard).await);
            });
        }
        connections
    });
    let (fixture, sender) = (Fixture::new(&origin), sender());
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    // The library does not get to run before the next call begins.
    std::thread::sleep(Duration::from_millis(100));
    tokio::time::sleep(Duration::from_millis(30)).await;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    assert_eq!(server.await.expect("served"), 2);
}

#[tokio::test]
async fn s04_what_has_arrived_counts_before_the_library_knows_of_it() {
    use std::io::{Read as _, Write as _};
    for late in ["HTTP/1.1 408 Late\r\ncontent-length: 3\r\n\r\nbad", ""] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let (go, may_go) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let length = stream.read(&mut [0; 4096]).expect("a request");
            stream.write_all(OK.as_bytes()).expect("read");
            may_go.recv().expect("told");
            stream.write_all(late.as_bytes()).expect("read");
            stream.shutdown(std::net::Shutdown::Write).expect("open");
            length
        });
        let (fixture, sender) = (Fixture::new(&origin), sender());
        assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
        let pool = &sender.0.pool;
        let [key] = &pool.keys()[..] else {
            panic!("one connection is kept");
        };
        tokio::time::sleep(Duration::from_millis(50)).await;
        // From here on this thread, which is all there is, does not let the library run.
        go.send(()).expect("the server waits");
        assert!(server.join().expect("served") > 0);
        assert!(pool.take(key, |_| true).await.is_none(), "{late}");
    }
}

#[tokio::test]
async fn a_connection_that_closed_meanwhile_is_replaced() {
    let once = |number| (number == 0).then_some(OK);
    // The second request is written, and then the connection breaks: nothing is sent again.
    let broke = "AB0606: the connection broke before the end of the reply";
    check(once, &["200: ok", broke, "200: ok", broke], (2, 4)).await;
    // Closed before the second request, there is nothing to be lost.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let mut requests = 0;
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut heard = [0; 4096];
            let length = stream.read(&mut heard).await.expect("a request");
            requests += heard[..length].windows(4).filter(|w| *w == b"GET ").count();
            stream.write_all(OK.as_bytes()).await.expect("read");
        }
        requests
    });
    let (fixture, sender) = (Fixture::new(&origin), sender());
    for _ in 0..3 {
        assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.await.expect("served"), 3);
}

#[tokio::test]
async fn a_request_that_was_not_written_goes_over_a_new_connection_once() {
    // The connection closes just after it was looked at; the next one does not answer either.
    for answers in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let close = Arc::new(tokio::sync::Notify::new());
        let closed = Arc::clone(&close);
        let server = tokio::spawn(async move {
            let mut heard = Vec::new();
            let (mut first, _) = listener.accept().await.expect("a connection");
            first.read_buf(&mut heard).await.expect("a request");
            first.write_all(OK.as_bytes()).await.expect("read");
            closed.notified().await;
            drop(first);
            let (mut second, _) = listener.accept().await.expect("a connection");
            second.read_buf(&mut heard).await.expect("a request");
            if answers {
                second.write_all(OK.as_bytes()).await.expect("read");
            }
            drop(second);
            let more = tokio::time::timeout(Duration::from_millis(200), listener.accept());
            assert!(more.await.is_err(), "it is dialled once more");
            heard
        });
        let (fixture, sender) = (Fixture::new(&origin), sender());
        assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
        let meanwhile = Box::pin(async move {
            close.notify_one();
            tokio::time::sleep(Duration::from_millis(100)).await;
        });
        *sender.0.pool.meanwhile.lock().expect("whole") = Some(meanwhile);
        let post = Call {
            line: "POST /things",
            body: Body::full(Bytes::from_static(b"said once\n")),
            ..Call::get(&fixture, &sender)
        };
        let broke = "AB0606: the connection broke before the end of the reply";
        let expected = if answers { "200: ok" } else { broke };
        assert_eq!(post.outcome().await, expected);
        let heard = String::from_utf8(server.await.expect("served")).expect("text");
        assert_eq!(heard.matches("POST /things ").count(), 1, "{heard}");
        assert!(
            !answers || heard.matches("said once").count() <= 1,
            "{heard}"
        );
    }
}

#[tokio::test]
async fn a_reply_that_was_not_read_to_its_end_takes_its_connection_with_it() {
    let long = |_| Some("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok");
    let server = Server::start(long).await;
    let (fixture, sender) = (Fixture::new(&server.origin), sender());
    for _ in 0..3 {
        drop(Call::get(&fixture, &sender).answer().await.expect("a head"));
    }
    assert_eq!(server.seen(), (3, 3));
    // Nor does one come back whose head was refused.
    let odd = "AB0606: the reply has more than one length";
    let two = |_| Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok");
    check(two, &[odd, odd], (2, 2)).await;
}

#[tokio::test]
async fn s10_a_reply_that_comes_before_the_request_is_whole_is_the_only_one() {
    struct Endless;
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = agentbox_gate::BodyFailure;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    }
    let server = Server::start(|_| Some(OK)).await;
    let (fixture, sender) = (Fixture::new(&server.origin), sender());
    for _ in 0..2 {
        let post = Call {
            line: "POST /things",
            body: Body::new(Endless),
            ..Call::get(&fixture, &sender)
        };
        assert_eq!(post.outcome().await, "200: ok");
    }
    assert_eq!(server.seen(), (2, 2));
}

#[tokio::test]
async fn two_runs_never_share_a_connection() {
    let server = Server::start(|_| Some(OK)).await;
    let fixture = Fixture::new(&server.origin);
    // Each run makes a sender; the fixture, and so the key and the grant, is the same.
    let (one, other) = (sender(), sender());
    for sender in [&one, &other, &one, &other] {
        assert_eq!(Call::get(&fixture, sender).outcome().await, "200: ok");
    }
    assert_eq!(server.seen(), (2, 4));
}

#[tokio::test]
async fn s11_two_grants_or_two_keys_never_share_a_connection() {
    let server = Server::start(|_| Some(OK)).await;
    let sender = sender();
    let fixture = Fixture::new(&server.origin);
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    assert_eq!(server.seen(), (1, 2));
    // Another grant of the same origin, with the same key.
    let other = Call {
        line: "GET /others",
        ..Call::get(&fixture, &sender)
    };
    assert_eq!(other.outcome().await, "200: ok");
    assert_eq!(server.seen(), (2, 3));
    // The same key, read anew: its value may be another one.
    fixture.renew();
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    assert_eq!(server.seen(), (3, 4));
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    assert_eq!(server.seen(), (3, 5));
}

fn keeping(change: impl FnOnce(&mut super::super::Keeping)) -> Sender {
    let mut keeping = super::super::Keeping::default();
    change(&mut keeping);
    Sender::keeping(Reach::default(), &Bounds::default(), keeping).expect("no certificates")
}

#[tokio::test]
async fn d04_a_connection_is_kept_for_a_bounded_time() {
    const SHORT: Duration = Duration::from_secs(1);
    let anew = async |sender: Sender| {
        let server = Server::start(|_| Some(OK)).await;
        let fixture = Fixture::new(&server.origin);
        for calls in 1..=2 {
            assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
            assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
            assert_eq!(server.seen(), (calls, 2 * calls));
            tokio::time::sleep(2 * SHORT).await;
        }
    };
    let (idle, age) = (keeping(|k| k.idle = SHORT), keeping(|k| k.age = SHORT));
    tokio::join!(anew(idle), anew(age));
}

#[tokio::test]
async fn a_connection_that_nobody_comes_back_for_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let (fixture, sender) = (
        Fixture::new(&origin),
        keeping(|k| k.idle = Duration::from_millis(80)),
    );
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut heard = [0; 4096];
        drop(stream.read(&mut heard).await);
        stream.write_all(OK.as_bytes()).await.expect("read");
        stream.read(&mut heard).await.expect("an end")
    });
    assert_eq!(Call::get(&fixture, &sender).outcome().await, "200: ok");
    let end = tokio::time::timeout(Duration::from_secs(10), server).await;
    assert_eq!(end.expect("in time").expect("served"), 0);
}

/// Checks how many connections are still open after many calls at once.
async fn kept_of(calls: usize, sender: Sender, expected: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    let all = Arc::new(tokio::sync::Barrier::new(calls));
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (open, all) = (Arc::clone(&counted), Arc::clone(&all));
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                drop(stream.read(&mut heard).await);
                open.fetch_add(1, Ordering::SeqCst);
                all.wait().await;
                stream.write_all(OK.as_bytes()).await.expect("read");
                drop(stream.read(&mut heard).await);
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let fixture = Arc::new(Fixture::new(&origin));
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let (fixture, sender) = (Arc::clone(&fixture), sender.clone());
            tokio::spawn(async move { Call::get(&fixture, &sender).outcome().await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), "200: ok");
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while open.load(Ordering::SeqCst) > expected && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Time for more of them to close.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(open.load(Ordering::SeqCst), expected);
    server.abort();
}

#[tokio::test]
async fn the_connections_that_are_kept_are_few() {
    kept_of(20, sender(), 8).await;
    kept_of(6, sender(), 6).await;
    kept_of(6, keeping(|k| k.all = 3), 3).await;
    kept_of(6, keeping(|k| k.each = 0), 0).await;
}

#[tokio::test]
async fn d09_where_this_process_listens_is_never_dialled() {
    let server = Server::start(|_| Some(OK)).await;
    let fixture = Fixture::new(&server.origin);
    let address: std::net::SocketAddr = server.origin[7..].parse().expect("an address");
    let any = std::net::SocketAddr::new([0, 0, 0, 0].into(), address.port());
    for own in [address, any] {
        let reach = Reach {
            own: vec![own],
            ..Reach::default()
        };
        let sender = Sender::new(reach, &Bounds::default()).expect("no certificates");
        let outcome = Call::get(&fixture, &sender).outcome().await;
        let denied = "AB0210: the name leads to an address that is not allowed";
        assert_eq!(outcome, denied);
    }
    assert_eq!(server.seen(), (0, 0));
}

#[tokio::test]
async fn the_counts_of_a_call_are_its_own() {
    let server = Server::start(|number| {
        Some(match number {
            0 => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst",
            _ => OK,
        })
    })
    .await;
    let (fixture, sender) = (Fixture::new(&server.origin), sender());
    for (sent, received) in [(Some(0), 5), (Some(0), 2)] {
        let mut answered = Call::get(&fixture, &sender)
            .answer()
            .await
            .expect("a reply");
        while let Some(Ok(_)) = answered.reply.body.frame().await {}
        let traffic = &answered.traffic;
        assert_eq!(
            (traffic.sent().map(|body| body.bytes), traffic.received()),
            (sent, received)
        );
        assert_eq!(format!("http://{}", traffic.address()), server.origin);
    }
    assert_eq!(server.seen(), (1, 2));
}
