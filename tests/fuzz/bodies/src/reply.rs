//! Any bytes as an upstream's reply, through the whole gate and over a real connection.

mod upstream;

use std::cell::RefCell;

use agentbox_policy::Code;

use crate::Reached;
use crate::bytes::Bytes;
use crate::scrub::naive::{holds, name_holds};
use crate::scrub::spell_key;
use upstream::{Came, KEY, MOST, World};

thread_local! {
    static HTTP1: RefCell<World> = RefCell::new(World::new(false));
    static HTTP2: RefCell<World> = RefCell::new(World::new(true));
}

/// Any reply over HTTP/1.1 is handed on within its bounds or is an `AB06xx`; nothing that comes of
/// it holds the key; and one that is as it should be arrives as it was sent.
pub fn reply_http1(data: &[u8]) -> Reached {
    let reply = Reply::http1(data);
    HTTP1.with_borrow_mut(|world| check(world, &reply))
}

/// The same over HTTP/2 and TLS.
pub fn reply_http2(data: &[u8]) -> Reached {
    let reply = Reply::http2(data);
    HTTP2.with_borrow_mut(|world| check(world, &reply))
}

/// A reply, and what has to come of it where that is known.
struct Reply {
    wire: Vec<u8>,
    /// What a reply says that is as it should be: its status and its body.
    plain: Option<(u16, Vec<u8>)>,
}

fn check(world: &mut World, reply: &Reply) -> Reached {
    let came = world.call(reply.wire.clone());
    let shown = String::from_utf8_lossy(&reply.wire);
    check_clean(&came, &world.told());
    if let Some((status, headers)) = &came.head {
        assert!((200..600).contains(status));
        assert!(headers.len() <= 100 && came.body.len() <= MOST, "{shown}");
    }
    if let Some(failure) = &came.failure {
        let code = failure.code.to_string();
        assert!(
            code.starts_with("AB06"),
            "{code}: {} of {shown}",
            failure.message
        );
    }
    let echo = came
        .failure
        .as_ref()
        .is_some_and(|failure| failure.code == Code::ECHO);
    assert_eq!(came.stopped, echo.then_some(Code::ECHO), "{shown}");
    let Some((status, body)) = &reply.plain else {
        return vec![match (&came.failure, echo) {
            (_, true) => "an echo in odd bytes",
            (Some(_), _) => "odd bytes refused",
            (None, _) => "odd bytes taken",
        }];
    };
    let too_large = came
        .failure
        .as_ref()
        .is_some_and(|failure| failure.code == Code::REPLY_SIZE);
    if body.len() > MOST && too_large {
        return vec!["too large"];
    }
    if holds(body, KEY.as_bytes(), None, true) {
        assert!(echo, "{came:?} of {shown}");
        assert!(body.starts_with(&came.body));
        return vec!["an echo"];
    }
    assert!(body.len() <= MOST, "{came:?} of {} bytes", body.len());
    assert_eq!(came.failure, None, "{shown}");
    assert_eq!(came.head.map(|head| head.0), Some(*status));
    assert!(came.body == *body, "{shown}");
    vec!["delivered"]
}

/// Nothing that a guest or an operator is given holds the key.
fn check_clean(came: &Came, told: &str) {
    let is_in = |text: &[u8]| holds(text, KEY.as_bytes(), None, true);
    assert!(!is_in(&came.body) && !is_in(told.as_bytes()));
    for (name, value) in came.head.iter().flat_map(|head| &head.1) {
        assert!(!name_holds(name.as_str().as_bytes(), KEY.as_bytes(), None));
        assert!(!is_in(value.as_bytes()));
        assert!(!["set-cookie", "connection", "transfer-encoding"].contains(&name.as_str()));
    }
    if let Some(failure) = &came.failure {
        assert!(!is_in(failure.message.as_bytes()));
    }
}

const PLAIN_STATUS: &[&str] = &["200 OK", "404 Not Found", "503 ", "299 Odd", "200"];
const ODD_STATUS: &[&str] = &[
    "100 Continue\r\n\r\nHTTP/1.1 200 OK",
    "101 Switching",
    "204 None",
    "304 Same",
    "999 Odd",
    "20",
    "abc",
    "302 Found\r\nlocation: http://127.0.0.2/",
    "103 Early\r\nlink: </>\r\n\r\nHTTP/1.1 200 OK",
];
const PLAIN_HEADERS: &[&str] = &[
    "content-type: text/plain",
    "x-seen: 1",
    "set-cookie: a=b",
    "X-Other: \tv ",
    "retry-after: 3",
    "content-encoding: identity",
    "etag: \"a\"",
];
const ODD_HEADERS: &[&str] = &[
    "content-length: 3",
    "content-length: 2, 2",
    "content-length: -1",
    "content-length: 99999999999999999999",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: x",
    "content-encoding: gzip",
    "connection: close, x-seen",
    "upgrade: h2c",
    "trailer: x-seen",
    "no colon",
    " folded: 1",
    "a : b",
    "x-\0: 1",
    "x-seen: \0",
    "x-seen: \u{e4}",
    ": 1",
    "keep-alive: 1",
];

impl Reply {
    fn http1(data: &[u8]) -> Self {
        let bytes = &mut Bytes::new(data);
        if bytes.one_in(12) {
            return Self {
                wire: bytes.raw(4000),
                plain: None,
            };
        }
        let mut plain = true;
        let mut odd = |bytes: &mut Bytes<'_>, often: usize| {
            let odd = bytes.one_in(often);
            plain &= !odd;
            odd
        };
        let status = if odd(bytes, 8) {
            bytes.pick(ODD_STATUS)
        } else {
            bytes.pick(PLAIN_STATUS)
        };
        let mut head = format!("HTTP/1.1 {status}").into_bytes();
        if odd(bytes, 20) {
            head.extend(spell_key(KEY.as_bytes(), bytes));
        }
        head.extend(b"\r\n");
        for _ in 0..bytes.below(4) {
            let header = if odd(bytes, 8) {
                bytes.pick(ODD_HEADERS)
            } else {
                bytes.pick(PLAIN_HEADERS)
            };
            head.extend(format!("{header}\r\n").bytes());
        }
        if odd(bytes, 12) {
            let name = bytes.pick(&["x-seen: ", "set-cookie: a=", "x-", "location: /"]);
            head.extend(
                [
                    name.as_bytes(),
                    &spell_key(KEY.as_bytes(), bytes),
                    b": 1\r\n",
                ]
                .concat(),
            );
        }
        if odd(bytes, 60) {
            head.extend("x-many: 1\r\n".repeat(101).bytes());
        }
        let body = body(bytes);
        let framed = match bytes.below(4) {
            0 => [&b"\r\n"[..], &body].concat(),
            1 | 2 => [
                format!("content-length: {}\r\n\r\n", body.len()).as_bytes(),
                &body,
            ]
            .concat(),
            _ => chunked(&body, bytes),
        };
        let mut wire = [head, framed].concat();
        if odd(bytes, 4) {
            spoil(&mut wire, bytes);
        }
        let number = status.get(..3).and_then(|number| number.parse().ok());
        Self {
            wire,
            plain: number.filter(|_| plain).map(|number| (number, body)),
        }
    }

    fn http2(data: &[u8]) -> Self {
        let bytes = &mut Bytes::new(data);
        if bytes.one_in(12) {
            return Self {
                wire: bytes.raw(4000),
                plain: None,
            };
        }
        let mut plain = !bytes.one_in(3);
        let status = bytes.pick(&["200", "404", "503", "299"]);
        let mut wire = frame(4, 0, 0, &[]);
        let mut fields = field(":status", status.as_bytes());
        fields.extend(field("x-seen", b"1"));
        if !plain {
            fields.extend(odd_fields(bytes));
        }
        wire.extend(frame(1, 4, 1, &fields));
        let body = body(bytes);
        let mut rest = &body[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((200 + bytes.below(3000)).min(rest.len()));
            wire.extend(frame(0, 0, 1, piece));
            rest = after;
            if !plain && bytes.one_in(3) {
                wire.extend(odd_frame(bytes));
            }
        }
        wire.extend(frame(0, 1, 1, &[]));
        if !plain {
            wire.extend(odd_frame(bytes));
            if bytes.one_in(2) {
                spoil(&mut wire, bytes);
            }
        } else if bytes.one_in(6) {
            plain = false;
            spoil(&mut wire, bytes);
        }
        let number = status.parse().ok();
        Self {
            wire,
            plain: number.filter(|_| plain).map(|number| (number, body)),
        }
    }
}

/// A body, perhaps with the key in it, perhaps too large.
fn body(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut body = bytes
        .pick(&["", "hello ", "{\"a\": \"", "100% \\"])
        .as_bytes()
        .to_vec();
    if bytes.one_in(20) {
        body.resize(MOST - 20 + bytes.below(60), b'.');
    }
    if bytes.one_in(4) {
        body.extend(spell_key(KEY.as_bytes(), bytes));
    }
    body.extend(bytes.raw(40));
    body
}

fn chunked(body: &[u8], bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut wire = b"transfer-encoding: chunked\r\n\r\n".to_vec();
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((20 + bytes.below(2000)).min(rest.len()));
        let extension = bytes.pick(&["", "", ";a=b"]);
        wire.extend(format!("{:x}{extension}\r\n", piece.len()).bytes());
        wire.extend([piece, b"\r\n"].concat());
        rest = after;
    }
    wire.extend(b"0\r\n");
    if bytes.one_in(3) {
        wire.extend([b"x-seen: ", KEY.as_bytes(), b"\r\n"].concat());
    }
    wire.extend(b"\r\n");
    wire
}

fn spoil(wire: &mut Vec<u8>, bytes: &mut Bytes<'_>) {
    for _ in 0..=bytes.below(3) {
        let at = bytes.below(wire.len() + 1);
        let end = (at + bytes.below(20)).min(wire.len());
        match bytes.below(4) {
            0 => wire.truncate(at),
            1 => drop(wire.drain(at..end)),
            2 => drop(wire.splice(at..end, bytes.raw(20))),
            _ => {
                let piece = wire[at..end].to_vec();
                wire.splice(at..at, piece);
            }
        }
    }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a frame is small")
        .to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header of HTTP/2 in full, in no table.
fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name.as_bytes(), value] {
        match u8::try_from(text.len()) {
            Ok(length @ ..127) => field.push(length),
            _ => {
                // Seven bits of the length at a time, less the 127 that are said already.
                let mut rest = text.len().saturating_sub(127);
                field.push(127);
                while rest >= 128 {
                    field.push(u8::try_from(rest % 128 + 128).expect("less than 256"));
                    rest /= 128;
                }
                field.push(u8::try_from(rest).expect("less than 128"));
            }
        }
        field.extend(text);
    }
    field
}

fn odd_fields(bytes: &mut Bytes<'_>) -> Vec<u8> {
    match bytes.below(9) {
        0 => field(":status", b"200"),
        1 => field("content-length", b"3"),
        2 => field("transfer-encoding", b"chunked"),
        3 => field("X-Upper", b"1"),
        4 => field("x-seen", &spell_key(KEY.as_bytes(), bytes)),
        5 => field("x-big", &[b'a'; 70_000][..bytes.pick(&[1000, 16_000])]),
        6 => (0..bytes.pick(&[50, 120]))
            .flat_map(|_| field("x-many", b"1"))
            .collect(),
        7 => vec![bytes.pick(&[0x80, 0xff, 0xbe, 0x20, 0x3f, 0x40])],
        _ => field("content-encoding", b"gzip"),
    }
}

fn odd_frame(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let stream = bytes.pick(&[0, 1, 1, 2, 3, 0x7fff_ffff]);
    let flags = bytes.pick(&[0, 1, 4, 5, 8, 0x20, 0xff]);
    match bytes.below(10) {
        0 => frame(
            1,
            flags,
            stream,
            &field("x-seen", &spell_key(KEY.as_bytes(), bytes)),
        ),
        1 => frame(3, 0, stream, &[0, 0, 0, 8]),
        2 => frame(4, flags, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]),
        3 => frame(5, 4, 1, &[0, 0, 0, 2, 0x82]),
        4 => frame(6, flags, 0, &[0; 8]),
        5 => frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]),
        6 => frame(8, 0, stream, &[0x7f, 0xff, 0xff, 0xff]),
        7 => frame(9, flags, stream, &field("x", b"y")),
        8 => (0..bytes.below(300))
            .flat_map(|_| frame(0, 0, 1, &[]))
            .collect(),
        _ => frame(bytes.pick(&[2, 10, 255]), flags, stream, &bytes.raw(30)),
    }
}
