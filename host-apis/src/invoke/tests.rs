//! Calls by name, at a gate that is a function.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agentbox_gate::{Body, Call, Cause, Failure, Gate, GateFuture, NoRoom, Reply, Room};
use agentbox_policy::{Bounds, CallHead, Code, HttpHead};
use agentbox_sandbox::Ending;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::Barrier;

use super::bindings::agentbox::host::errors::{Error, Limit};
use super::bindings::agentbox::host::invoke::{Answer, Host};
use super::calls::Calls;
use crate::testing::{Fake, after, arguments, at_once, ending, reply};

const OPERATION: &str = "test:api/echo";

impl Calls {
    fn call(&mut self, arguments: &str) -> u32 {
        self.begin(OPERATION.into(), arguments.into(), Vec::new())
            .unwrap()
    }

    fn fetch(&mut self, arguments: &str, body: &[u8]) -> u32 {
        self.begin(super::HTTP.into(), arguments.into(), body.to_vec())
            .unwrap()
    }

    /// What the next call gave: its id, and a value or an error.
    async fn taken(&mut self) -> Option<(u32, Result<Answer, Error>)> {
        self.wait().await
    }
}

fn calls(gate: &Arc<impl Gate + 'static>) -> Calls {
    let bounds = Bounds::default();
    Calls::new(gate.clone(), &bounds, Room::new(bounds.host_memory))
}

fn denied(given: Result<Answer, Error>) -> (String, String) {
    match given {
        Err(Error::Denied(denial)) => (denial.code, denial.message),
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_come_out_as_they_finish_and_then_none() {
    let gate = Fake::new(|call| after(arguments(&call.head).parse().unwrap()));
    let mut calls = calls(&gate);
    assert!(calls.taken().await.is_none(), "none has been started");
    let ids = [calls.call("300"), calls.call("10"), calls.call("100")];
    assert_eq!(ids, [1, 2, 3]);
    let mut order = Vec::new();
    while let Some((id, given)) = calls.taken().await {
        assert_eq!(given.unwrap().value, "{}");
        order.push(id);
    }
    assert_eq!(order, [2, 3, 1]);
    assert_eq!(calls.call("0"), 4, "ids go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_its_way_though_nobody_waits_for_it() {
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let gate = Fake::new(move |_| {
        let done = Arc::clone(&done);
        Box::pin(async move {
            let reply = after(1).await;
            done.store(true, Ordering::SeqCst);
            reply
        })
    });
    let mut calls = calls(&gate);
    calls.call("{}");
    eventually(|| seen.load(Ordering::SeqCst)).await;
    assert!(calls.taken().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_does_not_come_out() {
    let gate = Fake::new(|call| after(arguments(&call.head).parse().unwrap()));
    let mut calls = calls(&gate);
    let (slow, fast, kept) = (calls.call("60000"), calls.call("0"), calls.call("50"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(calls.cancel(slow), "under way");
    assert!(calls.cancel(fast), "finished, and not taken");
    assert!(!calls.cancel(fast), "given up already");
    assert!(!calls.cancel(99), "never started");
    assert_eq!(calls.taken().await.unwrap().0, kept);
    assert!(!calls.cancel(kept), "taken");
    assert!(calls.taken().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_end_at_the_gate_too() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let gate = Fake::new(move |_| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(reply(""))
        })
    });
    let mut calls = calls(&gate);
    let first = calls.call("{}");
    calls.call("{}");
    let under_way = |alive: &Arc<()>| Arc::strong_count(alive) - 2;
    assert_eq!(under_way(&alive), 2);
    calls.cancel(first);
    eventually(|| under_way(&alive) == 1).await;
    drop(calls);
    eventually(|| under_way(&alive) == 0).await;
}

/// Waits until `holds`, as a task's end takes a moment to be seen.
async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came true");
}

fn full(given: Result<Answer, Error>) -> Limit {
    match given {
        Err(Error::Limit(limit)) => {
            let expected = ("AB0515", "host-memory", None);
            let Limit { code, name, .. } = &limit;
            assert_eq!((&**code, &**name, limit.retry_after_ms), expected);
            limit
        }
        other => panic!("there was room: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_can_be_under_way() {
    let gate = Fake::new(|_| after(200));
    let mut calls = calls(&gate);
    for _ in 0..5000 {
        calls.call("{}");
    }
    let mut good = 0;
    while let Some((_, given)) = calls.taken().await {
        assert!(given.is_ok());
        good += 1;
    }
    assert_eq!(good, 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_there_is_no_room_for_is_refused_by_the_gate_and_room_is_made_by_taking() {
    let gate = Fake::new(|_| after(50));
    let room = Room::new(100_000);
    let mut calls = Calls::new(gate.clone(), &Bounds::default(), room.clone());
    let (mut good, mut refused) = (0, 0);
    for _ in 0..50 {
        calls.call("{}");
    }
    let within = gate.asked().len() - gate.refused().len();
    assert!((20..25).contains(&within), "{within}");
    assert_eq!(gate.refused(), vec!["AB0515"; 50 - within]);
    let (refused_id, given) = calls.taken().await.unwrap();
    full(given);
    assert!(refused_id > 20, "what was refused has ended first");
    assert!(calls.cancel(50), "refused, and not taken");
    while let Some((_, given)) = calls.taken().await {
        match given {
            Ok(_) => good += 1,
            given => {
                full(given);
                refused += 1;
            }
        }
    }
    assert_eq!((good, refused), (within, 50 - within - 2));
    assert_eq!(room.left(), 100_000, "all of it is given back");
    calls.call("{}");
    assert!(calls.taken().await.unwrap().1.is_ok());
}

/// A gate that denies every call, and says that the run was stopped once it was.
#[derive(Default)]
struct Stopping(AtomicBool);

impl Gate for Stopping {
    fn call(&self, _call: Call) -> GateFuture<Result<Reply, Failure>> {
        let failure = match self.0.load(Ordering::SeqCst) {
            true => Failure::new(Code::STOPPED, Cause::Stopped, "no"),
            false => Failure::from(NoRoom),
        };
        at_once(Err(failure))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_calls_in_a_run_that_was_stopped_is_ended() {
    let gate = Arc::new(Stopping::default());
    let mut calls = Calls::new(gate.clone(), &Bounds::default(), Room::new(0));
    calls.call("{}");
    full(calls.taken().await.unwrap().1);
    gate.0.store(true, Ordering::SeqCst);
    let begun = calls.begin(OPERATION.into(), "{}".into(), Vec::new());
    assert!(begun.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_holds_of_calls_is_bounded() {
    let gate = Fake::new(|call| {
        Box::pin(async move {
            drop(call);
            Ok(reply(vec![b'x'; 20 << 20]))
        })
    });
    let mut calls = calls(&gate);
    let body = vec![0; 16 << 20];
    let request = r#"{"method":"POST","url":"https://a.test/"}"#;
    for _ in 0..20 {
        calls.fetch(request, &body);
    }
    let mut outcomes = [0; 2];
    while let Some((_, given)) = calls.taken().await {
        match given {
            Ok(answer) => {
                assert_eq!(answer.body.len(), 20 << 20);
                outcomes[0] += 1;
            }
            given => {
                full(given);
                outcomes[1] += 1;
            }
        }
    }
    let [good, full] = outcomes;
    assert!(good > 0 && good <= 12, "{outcomes:?}");
    assert!(full >= 4, "{outcomes:?}");
    assert_eq!(good + full, 20);
    // All of it has been given back.
    calls.fetch(request, &body);
    assert!(calls.taken().await.unwrap().1.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn w11_headers_of_a_reply_and_the_text_of_a_failure_are_held_until_they_are_taken() {
    const HEADER: usize = 60_000;
    let bytes = http::HeaderValue::from_bytes(&[0xff; HEADER]).unwrap();
    let headers = Fake::new(move |_| {
        let mut reply = reply("");
        reply.headers.append("x-long", bytes.clone());
        at_once(Ok(reply))
    });
    let failures = Fake::new(|_| {
        let message = "x".repeat(3 * HEADER);
        let cause = Cause::Upstream {
            status: 500,
            retry_after: None,
        };
        at_once(Err(Failure::new(Code::UPSTREAM_ERROR, cause, message)))
    });
    let gates: [Arc<dyn Gate>; 2] = [headers, failures];
    for gate in gates {
        let room = Room::new(1 << 20);
        let mut calls = Calls::new(gate, &Bounds::default(), room.clone());
        let request = r#"{"method":"GET","url":"https://a.test/"}"#;
        for _ in 0..20 {
            calls.fetch(request, b"");
        }
        let (mut kept, mut refused) = (0, 0);
        eventually(|| room.left() < 700_000).await;
        while let Some((_, given)) = calls.taken().await {
            match given {
                Ok(answer) => {
                    assert!(answer.value.len() > 3 * HEADER);
                    kept += 1;
                }
                Err(Error::Upstream(upstream)) => {
                    assert_eq!(upstream.message.len(), 3 * HEADER);
                    kept += 1;
                }
                given => {
                    full(given);
                    refused += 1;
                }
            }
        }
        assert_eq!(kept + refused, 20);
        assert!(kept >= 2, "{kept}");
        assert_eq!(room.left(), 1 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_typed() {
    let cause = Cause::Upstream {
        status: 429,
        retry_after: Some(Duration::from_millis(1500)),
    };
    let failure = Failure::new(Code::UPSTREAM_ERROR, cause, "slow down");
    let gate = Fake::new(move |_| at_once(Err(failure.clone())));
    let mut calls = calls(&gate);
    calls.call("{}");
    let (_, given) = calls.taken().await.unwrap();
    let Err(Error::Upstream(upstream)) = given else {
        panic!("{given:?}");
    };
    assert_eq!(
        (upstream.status, upstream.retry_after_ms),
        (429, Some(1500))
    );
    assert_eq!(upstream.message, "slow down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_breaks_off_is_an_error() {
    let gate = Fake::new(|_| {
        let broken = || Failure::new(Code::ECHO, Cause::Stopped, "the run has been stopped");
        let body = Limited::new(Full::new(Bytes::from_static(b"xx")), 1);
        at_once(Ok(Reply {
            body: Body::new(body.map_err(move |_| Box::new(broken()))),
            ..reply("")
        }))
    });
    let mut calls = calls(&gate);
    calls.call("{}");
    let (_, given) = calls.taken().await.unwrap();
    assert_eq!(denied(given).0, "AB0607");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_takes_no_body() {
    let gate = Fake::new(|_| after(0));
    let mut calls = calls(&gate);
    calls.begin(OPERATION.into(), "{}".into(), vec![1]).unwrap();
    let (_, given) = calls.taken().await.unwrap();
    let expected = ("AB0213".into(), "an operation takes no body".into());
    assert_eq!(denied(given), expected);
    assert_eq!(gate.refused(), ["AB0213"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_request_goes_out_word_for_word_and_comes_back_whole() {
    let gate = Fake::new(|call| {
        Box::pin(async move {
            let body = call.body.collect().await.unwrap().to_bytes();
            let mut reply = reply(body);
            reply.status = http::StatusCode::NOT_FOUND;
            for value in ["a", "b"] {
                let value = http::HeaderValue::from_static(value);
                reply.headers.append("x-two", value);
            }
            Ok(reply)
        })
    });
    let mut calls = calls(&gate);
    let arguments = r#"{"method":"pOST","url":"HTTPS://u@A.test:0443?q=/#f",
        "headers":[["X-One","1"],["x-one","ä"]]}"#;
    calls.fetch(arguments, b"\x00\xff");
    let (_, given) = calls.taken().await.unwrap();
    let answer = given.unwrap();
    assert_eq!(
        answer.value,
        r#"{"headers":[["x-two","a"],["x-two","b"]],"status":404}"#
    );
    assert_eq!(answer.body, b"\x00\xff");
    let expected = HttpHead {
        method: "pOST".into(),
        scheme: "HTTPS".into(),
        authority: "u@A.test:0443".into(),
        path_and_query: "?q=/#f".into(),
        headers: vec![
            ("x-one".into(), b"1".to_vec()),
            ("x-one".into(), "ä".as_bytes().to_vec()),
        ],
    };
    assert_eq!(gate.asked(), [CallHead::Http(expected)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_an_http_request_are_read_strictly() {
    let gate = Fake::new(|_| after(0));
    let mut calls = calls(&gate);
    for arguments in [
        "",
        "[]",
        r#"{"method":"GET"}"#,
        r#"{"url":"https://a.test/"}"#,
        r#"{"method":"GET","url":"a.test/"}"#,
        r#"{"method":"GET","url":"https://a.test/","body":""}"#,
        r#"{"method":"GET","method":"GET","url":"https://a.test/"}"#,
        r#"{"method":"GET","url":"https://a.test/","headers":[["a"]]}"#,
        r#"{"method":"GET","url":"https://a.test/","headers":[["a","b","c"]]}"#,
        r#"{"method":"GET","url":"https://a.test/","headers":{"a":"b"}}"#,
        r#"{"method":"GET","url":"https://a.test/\ud800"}"#,
        r#"{"method":"GET","url":"https://a.test/"} {}"#,
    ] {
        calls.fetch(arguments, b"");
        let (_, given) = calls.taken().await.unwrap();
        assert_eq!(denied(given).0, "AB0213", "{arguments}");
    }
    assert_eq!(gate.refused().len(), gate.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_an_http_request_are_not_read_past_their_bounds() {
    let gate = Fake::new(|_| after(0));
    let mut calls = calls(&gate);
    let with = |count: usize| {
        let headers = vec![r#"["a","b"]"#; count].join(",");
        format!(r#"{{"method":"GET","url":"https://a.test/","headers":[{headers}]}}"#)
    };
    for (count, code) in [(101, "AB0213"), (200_000, "AB0507")] {
        calls.fetch(&with(count), b"");
        let (_, given) = calls.taken().await.unwrap();
        assert_eq!(denied(given).0, code, "{count}");
    }
    assert_eq!(gate.refused(), ["AB0213", "AB0507"]);
    calls.fetch(&with(100), b"");
    assert!(calls.taken().await.unwrap().1.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_repeats_no_more_than_a_part_of_a_guests_text() {
    let gate = Fake::new(|_| after(0));
    let mut calls = calls(&gate);
    calls.fetch(&format!(r#"{{"{}":1}}"#, "ä".repeat(100_000)), b"");
    let (_, given) = calls.taken().await.unwrap();
    let (code, message) = denied(given);
    assert_eq!(code, "AB0213");
    assert!((1000..=1024).contains(&message.len()), "{}", message.len());
    let [CallHead::Refused(head)] = &gate.asked()[..] else {
        panic!("it is not refused");
    };
    assert_eq!(head.message, message);
}

/// A program that starts `count` calls, takes them all, finds none left, and returns the value of the
/// last. With `one_by_one` it takes each before it starts the next.
fn caller(count: u32, one_by_one: bool) -> String {
    let (each, all) = if one_by_one {
        ("(call $take)", "")
    } else {
        ("", "(call $times (i32.const 1))")
    };
    format!(
        r#"(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "agentbox:host/invoke@0.1.0" "wait" (func $wait (param i32)))
  (memory (export "memory") 8)
  (data (i32.const 0x100) "test:api/echo")
  (data (i32.const 0x200) "{{}}")
  (global $next (mut i32) (i32.const 0x1000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $take
    (call $wait (i32.const 0))
    (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
    (if (i32.load8_u (i32.const 8)) (then unreachable))
    (i64.store (i32.const 0x304) (i64.load (i32.const 12))))
  (func $times (param $take i32)
    (local $n i32)
    (loop $again
      (if (local.get $take)
        (then (call $take))
        (else
          (drop (call $start (i32.const 0x100) (i32.const 13) (i32.const 0x200) (i32.const 2)
            (i32.const 0) (i32.const 0)))
          {each}))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const {count})))))
  (func (export "run") (result i32)
    (call $times (i32.const 0))
    {all}
    (call $wait (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i32.const 0x300)))"#
    )
}

async fn ran(program: &str, gate: Arc<dyn Gate>) -> Ending {
    ending(program.as_bytes(), gate, |_, _| {}).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_calls_of_a_program_overlap() {
    // None is answered before all ten are under way.
    let together = Arc::new(Barrier::new(10));
    let gate = Fake::new(move |_| {
        let together = Arc::clone(&together);
        Box::pin(async move {
            together.wait().await;
            after(50).await
        })
    });
    let began = Instant::now();
    let ten = ran(&caller(10, false), gate.clone()).await;
    assert_eq!(ten, Ending::Returned(Ok("{}".into())));
    assert_eq!(gate.asked().len(), 10);
    println!(
        "ten calls of 50 ms, with engine and compilation: {:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_one_after_the_other() {
    let gate = Fake::new(|_| at_once(Ok(reply("{}"))));
    let began = Instant::now();
    ran(&caller(1, true), gate.clone()).await;
    let alone = began.elapsed();
    let began = Instant::now();
    let ended = ran(&caller(1000, true), gate.clone()).await;
    assert_eq!(ended, Ending::Returned(Ok("{}".into())));
    assert_eq!(gate.asked().len(), 1001);
    println!("a thousand calls: {:?}, one: {alone:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_share_no_calls() {
    let gate = Fake::new(|_| after(20));
    let program = caller(10, false);
    let (one, other) = tokio::join!(ran(&program, gate.clone()), ran(&program, gate.clone()));
    let done = Ending::Returned(Ok("{}".into()));
    assert_eq!([one, other], [done.clone(), done]);
    assert_eq!(gate.asked().len(), 20);
}
