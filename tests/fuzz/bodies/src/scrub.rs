//! The search of replies against a scanner that sees the whole.

pub(crate) mod naive;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use agentbox_gate::BodyFailure;
use agentbox_policy::{Code, Placement};
use agentbox_secrets::{Echo, Trial};
use bytes::Bytes as Data;
use http_body::{Body, Frame};
use hyper::ext::ReasonPhrase;
use naive::{holds, name_holds};

use crate::Reached;
use crate::bytes::Bytes;

/// A body with keys in it, in any spelling and cut anywhere, comes out as far as the documented
/// hold-back lets it, piece by piece, and ends at the piece in which the scanner finds a key. Of a
/// head the same is found as the scanner finds.
pub fn scrub(data: &[u8]) -> Reached {
    let bytes = &mut Bytes::new(data);
    let keys: Vec<Key> = (0..1 + bytes.below(2)).map(|_| Key::new(bytes)).collect();
    let mut reached = vec![check_head(&keys, bytes)];
    reached.extend(check_body(&keys, bytes));
    reached
}

struct Key {
    text: Vec<u8>,
    user: Option<&'static str>,
}

/// Keys of few letters have many beginnings in a text; those of many letters need every escape.
const KEYS: &[&str] = &[
    "aabaabab",
    "abababab",
    "a%41b\\u0",
    "a b a b+a",
    "4141%414",
    "canary-0123456789-ABCDEF-xyz",
    "canary $&\\\"%+/=<>'; end",
    "~~~~~~~~",
    "\\\\\\\\\\\\\\\\",
    "%%%%%%%%%",
    "YWFiYWFiYWI",
    "61616261",
    "canary-100%",
    "canary-%4",
    "canary-\\u00",
    "aAbBaAbB",
    "c`a!b?c`a",
];

impl Key {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        Self {
            text: bytes.pick(KEYS).as_bytes().to_vec(),
            user: bytes.pick(&[None, Some("me"), Some("someone"), Some("abc")]),
        }
    }

    fn placement(&self) -> Placement {
        match self.user {
            None => Placement::Bearer,
            Some(user) => Placement::Basic {
                user: user.to_owned(),
            },
        }
    }

    fn is_in(&self, text: &[u8], ends: bool) -> bool {
        holds(text, &self.text, self.user, ends)
    }
}

fn add(trial: &Trial, key: &Key) {
    assert!(trial.add(&key.text, &key.placement()), "the keys are good");
}

fn check_body(keys: &[Key], bytes: &mut Bytes<'_>) -> Reached {
    let trial = Trial::default();
    let mut searched = vec![(&keys[0], 0)];
    add(&trial, &keys[0]);
    let pieces = pieces(&text(keys, bytes), bytes);
    // The second key comes into use before this piece.
    let late = bytes.below(pieces.len() + 1);
    let script = Script(Arc::default());
    let echoes = Arc::new(Mutex::new(Vec::<Echo>::new()));
    let heard = Arc::clone(&echoes);
    let on_echo = move |echo: &Echo| heard.lock().expect("one thread").push(echo.clone());
    let mut body = trial.body(Script(Arc::clone(&script.0)), on_echo);
    let (mut whole, mut released) = (Vec::new(), Vec::new());
    for (at, piece) in pieces.iter().map(Some).chain([None]).enumerate() {
        if let (true, Some(key)) = (at == late, keys.get(1)) {
            add(&trial, key);
            // What has been released cannot be called back.
            searched.push((key, released.len()));
        }
        script.feed(piece);
        whole.extend(piece.into_iter().flatten());
        let standing = drain(&mut body, &mut released);
        let ends = piece.is_none();
        // A key that comes into use at the end is known to nothing that is searched any more.
        let known = searched
            .iter()
            .filter(|(_, from)| !ends || *from <= whole.len());
        let is_known = |key: &Key| !ends || at != late || std::ptr::eq(key, &raw const keys[0]);
        let found = known.filter(|(key, _)| is_known(key));
        let found = found
            .into_iter()
            .any(|(key, from)| key.is_in(&whole[*from..], ends));
        let echoes = echoes.lock().expect("one thread").len();
        let shown = String::from_utf8_lossy(&whole);
        if found {
            assert_eq!(standing, Standing::Failed(Code::ECHO), "missed in {shown}");
            assert_eq!(echoes, 1);
            assert!(whole.starts_with(&released));
            let leak = searched
                .iter()
                .any(|(key, from)| key.is_in(&released[*from..], true));
            assert!(!leak, "a key came out of {shown}");
            assert_eq!(drain(&mut body, &mut Vec::new()), Standing::Ended);
            return vec!["a key in the body"];
        }
        assert_eq!(echoes, 0, "found in {shown}");
        if ends {
            assert_eq!((standing, &released), (Standing::Ended, &whole));
            return vec!["no key in the body"];
        }
        assert_eq!(standing, Standing::Waits);
        assert!(whole.starts_with(&released));
        let expected = hold_back(&whole, &searched, late == 0);
        assert_eq!(released.len(), expected, "of {shown}");
    }
    Vec::new()
}

/// How much of the text may be out: up to the last stretch of letters that keys are made of, and
/// all but the length of the longest escaped key of it.
fn hold_back(whole: &[u8], keys: &[(&Key, usize)], together: bool) -> usize {
    let common = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=%\\".contains(&byte);
    let held = keys.iter().map(|(own, from)| {
        // Keys that came into use together are searched for together.
        let with = keys
            .iter()
            .filter(|(key, _)| together || std::ptr::eq(*key, *own));
        let in_key =
            |byte: &u8| common(*byte) || with.clone().any(|(key, _)| key.text.contains(byte));
        let run = whole[*from..]
            .iter()
            .rev()
            .take_while(|byte| in_key(byte))
            .count();
        // No form of these keys is longer than 256 bytes; two JSON escapes make 36 of one.
        run.min(256 * 36)
    });
    whole.len() - held.max().unwrap_or(0)
}

/// A text with whole keys and with parts of keys in it, in all spellings.
fn text(keys: &[Key], bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..bytes.below(5) {
        let key = &keys[bytes.below(keys.len())];
        let mut echo = spell(key, bytes);
        if !bytes.one_in(3) {
            let (from, to) = (bytes.below(3), bytes.below(3));
            echo.truncate(echo.len().saturating_sub(to));
            echo.drain(..from.min(echo.len()));
        }
        text.extend(echo);
        let between: &[&[u8]] = &[
            b"", b"", b" ", b"%", b"\\", b"\\u00", b"%4", b"61", b"a", b"\"}\n", b"\xff", b"==",
        ];
        text.extend(bytes.pick(between));
    }
    if bytes.one_in(150) {
        text.extend(vec![b'z'; 5000 + bytes.below(8000)]);
    }
    if bytes.one_in(2) {
        text.extend(bytes.raw(12));
    }
    text
}

fn pieces(text: &[u8], bytes: &mut Bytes<'_>) -> Vec<Vec<u8>> {
    let longest = bytes.pick(&[1, 2, 7, 40, 4096]).max(text.len() / 20);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + bytes.below(longest)).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// The key as an upstream might write it.
pub(crate) fn spell_key(key: &[u8], bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut text = match bytes.below(6) {
        0 => key.to_vec(),
        1 => key
            .iter()
            .map(|byte| if *byte == b' ' { b'+' } else { *byte })
            .collect(),
        2 => key
            .iter()
            .flat_map(|byte| format!("{byte:02X}").into_bytes())
            .collect(),
        3 => key
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .collect(),
        kind => {
            let before = &b"{\"x"[..bytes.below(4)];
            let last = if kind == 4 { b"+/" } else { b"-_" };
            naive::base64(&[before, key].concat(), last)
        }
    };
    for _ in 0..bytes.below(3) {
        let (kind, all) = (bytes.below(3), bytes.one_in(3));
        text = text
            .into_iter()
            .flat_map(|byte| escape(byte, kind, all, bytes))
            .collect();
    }
    text
}

fn spell(key: &Key, bytes: &mut Bytes<'_>) -> Vec<u8> {
    match key.user {
        Some(user) if bytes.one_in(3) => {
            let pair = [user.as_bytes(), b":", &key.text].concat();
            let rendered = naive::base64(&pair, b"+/");
            if bytes.one_in(2) {
                spell_key(&rendered, bytes)
            } else {
                rendered
            }
        }
        _ => spell_key(&key.text, bytes),
    }
}

fn escape(byte: u8, kind: usize, all: bool, bytes: &mut Bytes<'_>) -> Vec<u8> {
    let opener = if kind == 0 { b'%' } else { b'\\' };
    if !all && byte != opener && !bytes.one_in(3) {
        return vec![byte];
    }
    match kind {
        0 if bytes.one_in(2) => format!("%{byte:02x}").into_bytes(),
        0 => format!("%{byte:02X}").into_bytes(),
        1 => format!("\\u{byte:04x}").into_bytes(),
        _ if b"\"\\/".contains(&byte) => vec![b'\\', byte],
        _ => format!("\\x{byte:02X}").into_bytes(),
    }
}

fn check_head(keys: &[Key], bytes: &mut Bytes<'_>) -> &'static str {
    let trial = Trial::default();
    for key in keys {
        add(&trial, key);
    }
    let (mut head, ()) = http::Response::new(()).into_parts();
    let mut expected = false;
    let kind = bytes.below(3);
    let text = match bytes.one_in(2) {
        // A header's name is one word.
        true if kind == 2 => spell(&keys[0], bytes),
        _ => text(keys, bytes),
    };
    match kind {
        0 => {
            if let Ok(reason) = ReasonPhrase::try_from(text.clone()) {
                expected = keys.iter().any(|key| key.is_in(&text, true));
                head.extensions.insert(reason);
            }
        }
        1 => {
            if let Ok(value) = http::HeaderValue::from_bytes(&text) {
                expected = keys.iter().any(|key| key.is_in(&text, true));
                head.headers.insert("set-cookie", value);
            }
        }
        _ => {
            if let Ok(name) = http::HeaderName::from_bytes(&text) {
                let name_is = |key: &Key| name_holds(name.as_str().as_bytes(), &key.text, key.user);
                expected = keys.iter().any(name_is);
                head.headers
                    .insert(name, http::HeaderValue::from_static("1"));
            }
        }
    }
    let found = trial.head(&head);
    assert_eq!(
        found.is_some(),
        expected,
        "{found:?} in {}",
        String::from_utf8_lossy(&text)
    );
    if expected {
        "a key in the head"
    } else {
        "no key in the head"
    }
}

#[derive(Debug, Default)]
enum Next {
    Data(Data),
    End,
    #[default]
    Nothing,
}

/// A body that gives what it is fed.
struct Script(Arc<Mutex<Next>>);

impl Script {
    fn feed(&self, piece: Option<&Vec<u8>>) {
        let next = piece.map_or(Next::End, |piece| Next::Data(Data::copy_from_slice(piece)));
        *self.0.lock().expect("one thread") = next;
    }
}

impl Body for Script {
    type Data = Data;
    type Error = BodyFailure;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Data>, BodyFailure>>> {
        match std::mem::take(&mut *self.0.lock().expect("one thread")) {
            Next::Data(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Next::End => Poll::Ready(None),
            Next::Nothing => Poll::Pending,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Ended,
    Failed(Code),
    Waits,
}

/// What `body` gives until it waits or ends.
fn drain(body: &mut agentbox_gate::Body, released: &mut Vec<u8>) -> Standing {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut *body).poll_frame(&mut context) {
            Poll::Pending => return Standing::Waits,
            Poll::Ready(None) => return Standing::Ended,
            Poll::Ready(Some(Err(failure))) => return Standing::Failed(failure.code),
            Poll::Ready(Some(Ok(frame))) => released.extend(frame.into_data().unwrap_or_default()),
        }
    }
}
