//! The search against a slow and obvious twin, and what the body releases when.

mod naive;

use std::sync::Mutex;

use agentbox_policy::{Code, Placement};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::body::Scrubbed;
use super::*;
use crate::secret::Secret;
use crate::testing::{Random, Script, Standing, Step, canary, drain};
use naive::{Spelling, holds, spell};

fn known(keys: &[(&str, &Placement)]) -> Arc<Known> {
    let known = Arc::new(Known::default());
    for (key, placement) in keys {
        add(&known, key, placement);
    }
    known
}

fn add(known: &Known, key: &str, placement: &Placement) {
    let secret = Secret::parse(Zeroizing::new(key.as_bytes().to_vec())).expect("a key");
    known.add(patterns::of("canary", &secret, placement));
}

fn basic() -> Placement {
    Placement::Basic {
        user: "someone".to_owned(),
    }
}

/// Runs `pieces` through a scrubbed body: what came out, how it ended, and the echoes reported.
fn run(known: &Arc<Known>, pieces: Vec<Bytes>) -> (Vec<u8>, Standing, Vec<Echo>) {
    let echoes = Arc::new(Mutex::new(Vec::new()));
    let on_echo = {
        let echoes = Arc::clone(&echoes);
        move |echo: &Echo| echoes.lock().expect("one thread").push(echo.clone())
    };
    let script = Script::new(pieces.into_iter().map(Step::Data));
    let mut body = Scrubbed::new(script, Arc::clone(known), Box::new(on_echo));
    let (data, standing) = drain(&mut body);
    assert_eq!(
        drain(&mut body),
        (Vec::new(), Standing::Ended),
        "nothing comes after the end"
    );
    let echoes = echoes.lock().expect("one thread").clone();
    (data, standing, echoes)
}

fn check_found(known: &Arc<Known>, before: &[u8], echo: &[u8], pieces: Vec<Bytes>) {
    let (data, standing, echoes) = run(known, pieces);
    let text = String::from_utf8_lossy(echo);
    assert_eq!(standing, Standing::Failed(Code::ECHO), "{text}");
    assert_eq!(echoes.len(), 1, "{text}");
    assert!(
        before.starts_with(&data),
        "bytes of the echo were released: {text}"
    );
}

#[test]
fn every_spelling_of_a_key_is_found_wherever_the_reply_is_cut() {
    let mut random = Random::new(1);
    let (mut key, mut placement, mut known) = (String::new(), Placement::Bearer, known(&[]));
    for round in 0..4000 {
        if round % 20 == 0 {
            (key, placement) = some_key(round / 20);
            known = super::tests::known(&[(&key, &placement)]);
        }
        let spelling = Spelling::random(&mut random, &placement);
        let echo = spell(key.as_bytes(), &spelling, &mut random);
        let filler: &[&[u8]] = &[
            b"",
            b"{\"token\": \"",
            b"data: ",
            b"100% ",
            b"\\",
            b"can",
            b"\xff\xfe",
            b"%",
            b"\n",
        ];
        let before = [random.pick(filler), random.pick(filler)].concat();
        // What stands before must not change what the echo's first escape means.
        let before = if holds_open_escape(&before) {
            b"x ".to_vec()
        } else {
            before
        };
        let after = random.pick(filler);
        let text = [&before[..], &echo, after].concat();
        assert!(
            holds(&text, key.as_bytes(), &placement),
            "the twin misses {spelling:?}"
        );
        check_found(&known, &before, &echo, random.split(&text));
    }
}

/// Keys of several kinds, with and without user names.
fn some_key(round: usize) -> (String, Placement) {
    let key = match round % 3 {
        0 => canary(),
        1 => format!("{} $&\\\"%+/=<>';", canary()),
        _ => canary()[..8 + round % 20].to_owned(),
    };
    (
        key,
        if round.is_multiple_of(2) {
            basic()
        } else {
            Placement::Bearer
        },
    )
}

fn holds_open_escape(before: &[u8]) -> bool {
    before.ends_with(b"\\") || before.ends_with(b"%")
}

#[test]
fn an_echo_is_found_however_it_is_cut_in_two() {
    let key = canary();
    let known = known(&[(&key, &basic())]);
    let mut random = Random::new(2);
    for spelling in Spelling::all() {
        let echo = spell(key.as_bytes(), &spelling, &mut random);
        let before = b"{\"a\": \"";
        let text = [&before[..], &echo, b"\"}"].concat();
        for at in 0..=text.len() {
            let (one, two) = text.split_at(at);
            let pieces = vec![Bytes::copy_from_slice(one), Bytes::copy_from_slice(two)];
            check_found(&known, before, &echo, pieces);
        }
    }
}

#[test]
fn the_search_and_its_twin_agree_on_texts_that_almost_hold_a_key() {
    let mut random = Random::new(3);
    let (mut hits, rounds) = (0, 4000_u32);
    for round in 0..rounds {
        // Few different letters make for many beginnings of the key.
        let key = random.pick(&[
            "aabaabab",
            "ababababab",
            "a%41b\\u0",
            "a b a b+a",
            "4141%414",
        ]);
        let placement = if round.is_multiple_of(2) {
            basic()
        } else {
            Placement::Bearer
        };
        let known = known(&[(key, &placement)]);
        let mut text = Vec::new();
        for _ in 0..random.below(6) {
            let spelling = Spelling::random(&mut random, &placement);
            let echo = spell(key.as_bytes(), &spelling, &mut random);
            let from = random.below(3).min(echo.len());
            let to = echo.len() - random.below(3).min(echo.len() - from);
            text.extend_from_slice(&echo[from..to]);
            let between: &[&[u8]] = &[b"", b"", b" ", b"%", b"\\", b"\\u00", b"%4", b"61", b"a"];
            text.extend_from_slice(random.pick(between));
        }
        let expected = holds(&text, key.as_bytes(), &placement);
        let (data, standing, echoes) = run(&known, random.split(&text));
        let shown = String::from_utf8_lossy(&text);
        if expected {
            hits += 1;
            assert_eq!(
                standing,
                Standing::Failed(Code::ECHO),
                "missed {key} in {shown}"
            );
            assert_eq!(echoes.len(), 1);
            assert!(
                !holds(&data, key.as_bytes(), &placement),
                "{key} came out of {shown}"
            );
        } else {
            assert_eq!(
                standing,
                Standing::Ended,
                "found {key} in {shown}: {echoes:?}"
            );
            assert_eq!(data, text);
        }
    }
    assert!(
        hits > rounds / 10 && hits < rounds * 9 / 10,
        "{hits} of {rounds} held a key"
    );
}

#[test]
fn a_clean_body_comes_out_as_it_went_in() {
    let known = known(&[(&canary(), &basic())]);
    let mut random = Random::new(4);
    for _ in 0..500 {
        let length = random.below(5000);
        let text: Vec<u8> = (0..length)
            .map(|_| u8::try_from(random.below(256)).unwrap_or(0))
            .collect();
        assert_eq!(
            run(&known, random.split(&text)),
            (text, Standing::Ended, Vec::new())
        );
    }
}

#[test]
fn what_looks_like_an_escape_at_the_very_end_stands_for_itself() {
    for (key, text) in [
        ("canary-100%", "%63anary-100%"),
        ("canary-%4", "%63anary-%4"),
        (r"canary-\u00", r"\u0063anary-\u00"),
    ] {
        let known = known(&[(key, &Placement::Bearer)]);
        check_found(&known, b"", text.as_bytes(), vec![Bytes::from(text)]);
    }
}

#[test]
fn decoys_and_repeats_do_not_hide_a_key() {
    let key = canary();
    let known = known(&[(&key, &Placement::Bearer)]);
    let decoys = [&key[..key.len() - 1], &key[1..], "canary-"]
        .join(" ")
        .repeat(300);
    let text = format!("{decoys}{key}");
    check_found(
        &known,
        decoys.as_bytes(),
        key.as_bytes(),
        vec![Bytes::from(text)],
    );
    check_found(&known, b"", key.as_bytes(), vec![Bytes::from(key.clone())]);
}

#[test]
fn events_flow_while_the_next_is_awaited() {
    let known = known(&[(&canary(), &Placement::Bearer)]);
    let event = |text: &'static str| [Step::Data(Bytes::from_static(text.as_bytes())), Step::Wait];
    let script = Script::new(
        ["data: canary\n\n", "data: {\"a\": 1}\n", "ab", "c d", "e"]
            .into_iter()
            .flat_map(event),
    );
    let mut body = Scrubbed::new(script, known, Box::new(|_| {}));
    let mut next = || String::from_utf8(drain(&mut body).0).expect("text");
    assert_eq!(next(), "data: canary\n\n");
    assert_eq!(next(), "data: {\"a\": 1}\n");
    assert_eq!(next(), "");
    assert_eq!(next(), "abc ");
    assert_eq!(next(), "");
    assert_eq!(next(), "de");
}

#[test]
fn what_is_held_back_does_not_tell_whether_it_begins_a_key() {
    let key = canary();
    let released = |end: &str| {
        let known = known(&[(&key, &Placement::Bearer)]);
        let text = format!("some text, {end}");
        let script = Script::new([Step::Data(Bytes::from(text)), Step::Wait]);
        drain(&mut Scrubbed::new(script, known, Box::new(|_| {})))
            .0
            .len()
    };
    for length in 1..key.len() {
        let guess = &key[..length];
        let wrong = format!(
            "{}{}",
            &key[..length - 1],
            if guess.ends_with('x') { 'y' } else { 'x' }
        );
        assert_eq!(released(guess), released(&wrong));
        assert_eq!(released(guess), released(&"z".repeat(length)));
    }
}

#[test]
fn without_a_key_nothing_is_held_back() {
    let script = Script::new([Step::Data(Bytes::from_static(b"abc")), Step::Wait]);
    let mut body = Scrubbed::new(script, known(&[]), Box::new(|_| {}));
    assert_eq!(drain(&mut body), (b"abc".to_vec(), Standing::Waits));
}

#[test]
fn of_a_run_that_never_ends_a_bounded_part_is_held_back() {
    let known = known(&[(&canary(), &Placement::Bearer)]);
    let chunk = Bytes::from(vec![b'z'; 100_000]);
    let script = Script::new([Step::Data(chunk.clone()), Step::Wait, Step::Data(chunk)]);
    let mut body = Scrubbed::new(script, known, Box::new(|_| {}));
    let (first, _) = drain(&mut body);
    assert!(first.len() > 90_000, "{}", first.len());
    assert_eq!(first.len() + drain(&mut body).0.len(), 200_000);
}

#[test]
fn a_key_that_comes_into_use_while_a_body_streams_is_found_in_what_follows() {
    let (old, new) = (canary(), canary());
    let known = known(&[(&old, &Placement::Bearer)]);
    let (one, two) = new.split_at(5);
    let text = |text: &str| Step::Data(Bytes::from(text.to_owned()));
    let script = Script::new([
        text("clean "),
        text(one),
        Step::Wait,
        text(two),
        text(" more"),
    ]);
    let mut body = Scrubbed::new(script, Arc::clone(&known), Box::new(|_| {}));
    assert_eq!(drain(&mut body), (b"clean ".to_vec(), Standing::Waits));
    add(&known, &new, &Placement::Bearer);
    assert_eq!(drain(&mut body), (Vec::new(), Standing::Failed(Code::ECHO)));
}

#[test]
fn a_body_that_breaks_off_releases_nothing_of_what_was_held() {
    let known = known(&[(&canary(), &Placement::Bearer)]);
    let script = Script::new([Step::Data(Bytes::from_static(b"clean: held")), Step::Fail]);
    let mut body = Scrubbed::new(script, known, Box::new(|_| {}));
    // What was clean came out before; the rest is gone with the failure.
    assert_eq!(
        drain(&mut body),
        (b"clean: ".to_vec(), Standing::Failed(Code::PROTOCOL))
    );
    assert_eq!(drain(&mut body), (Vec::new(), Standing::Ended));
}

fn check_head(key: &str, reason: Option<&str>, header: Option<(&str, &str)>, expected: &str) {
    let known = known(&[(key, &basic())]);
    let (mut head, ()) = http::Response::new(()).into_parts();
    if let Some(reason) = reason {
        let reason = ReasonPhrase::try_from(reason.to_owned().into_bytes()).expect("a phrase");
        head.extensions.insert(reason);
    }
    if let Some((name, value)) = header {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        head.headers.insert(
            name,
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
    }
    let found = match search_head(&known, &head) {
        Ok(()) => "nothing".to_owned(),
        Err(echo) => echo.to_string(),
    };
    assert_eq!(found, expected);
    assert!(!found.contains(key));
}

#[test]
fn a_key_in_the_head_is_found_also_in_headers_that_are_dropped() {
    let key = canary();
    let named = |what: &str| format!("the key of credential `canary` ({what}");
    check_head(
        &key,
        Some(&format!("No {key}!")),
        None,
        &named("plain) in its status, ending at byte 42"),
    );
    let value = format!("sid={key}; path=/");
    check_head(
        &key,
        None,
        Some(("set-cookie", &value)),
        &named("plain) in its header, ending at byte 43"),
    );
    check_head(
        &key,
        None,
        Some((&format!("x-{key}"), "1")),
        &named("plain) in its header, ending at byte 41"),
    );
    let hex: String = key.bytes().map(|byte| format!("{byte:02X}")).collect();
    check_head(
        &key,
        None,
        Some(("x-debug", &hex)),
        &named("hex) in its header, ending at byte 78"),
    );
    let escaped: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let end = named("plain, percent-encoded) in its header, ending at byte 117");
    check_head(&key, None, Some(("location", &escaped)), &end);
    check_head(
        &key,
        Some("Fine"),
        Some(("content-type", "text/canary")),
        "nothing",
    );
}
