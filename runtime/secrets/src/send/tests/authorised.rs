//! What is authorised is byte for byte what is sent, tried on many requests of a guest.
//!
//! What arrives is compared with what the guest wrote, not with what some part of agentbox made of
//! it: whatever is refused is refused, and nothing is repaired on the way.

use std::net::SocketAddr;

use agentbox_gate::{Body, Patience};
use agentbox_policy::{Code, HttpHead, decide};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::sender;
use crate::Sender;
use crate::testing::fixture::Fixture;
use crate::testing::{Random, Script, Step};

/// A request as it came over the wire.
#[derive(Debug)]
struct Raw {
    /// From the request line to the empty line, which is not in it.
    head: Vec<u8>,
    /// Without its framing.
    body: Vec<u8>,
}

/// A server that keeps every byte, and answers each request alike as long as the other side asks.
async fn listen() -> (SocketAddr, UnboundedReceiver<Raw>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (heard, hear) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, heard.clone()));
        }
    });
    (address, hear)
}

async fn serve(mut stream: TcpStream, heard: UnboundedSender<Raw>) {
    let mut bytes = Vec::new();
    loop {
        if let Some((raw, rest)) = whole(&bytes) {
            bytes = rest;
            drop(heard.send(raw));
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            drop(stream.write_all(reply).await);
        } else if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            // What came of a request and was never finished must not go unseen.
            let (head, body) = (std::mem::take(&mut bytes), Vec::new());
            if !head.is_empty() {
                drop(heard.send(Raw { head, body }));
            }
            return;
        }
    }
}

/// The request at the start of `bytes`, once all of it is there, and what follows it.
fn whole(bytes: &[u8]) -> Option<(Raw, Vec<u8>)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let text = String::from_utf8_lossy(head);
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let (body, rest) = if value("transfer-encoding: ").is_some() {
        dechunk(rest)?
    } else {
        let length = value("content-length: ").map_or(0, |text| text.parse().expect("a number"));
        (rest.get(..length)?.to_vec(), &rest[length..])
    };
    let head = head.to_vec();
    Some((Raw { head, body }, rest.to_vec()))
}

fn dechunk(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let line = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        rest = &rest[line + 2..];
        body.extend_from_slice(rest.get(..size)?);
        assert!(
            rest.get(size..size + 2)? == b"\r\n",
            "chunks end in a line end"
        );
        rest = &rest[size + 2..];
        if size == 0 {
            return Some((body, rest));
        }
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|part| part == text)
}

/// A request of a guest.
#[derive(Debug)]
struct Case {
    head: HttpHead,
    body: Vec<u8>,
    /// How the body comes, where its length is not known at once.
    pieces: Option<Vec<Bytes>>,
}

/// What RFC 3986 lets stand in a path as it is.
const PCHAR: &[u8] = b"abcxyzABCXYZ0189-._~!$&'()*+,;=:@";

/// What stands escaped in a path or a query, in the one spelling there is.
const ESCAPED: &[&str] = &[
    "%20",
    "%22",
    "%23",
    "%3C",
    "%3E",
    "%3F",
    "%5B",
    "%5D",
    "%5E",
    "%60",
    "%7B",
    "%7C",
    "%7D",
    "%C3%BC",
    "%E2%82%AC",
    "%F0%9F%98%80",
];

/// What a path or a query cannot hold everywhere, or nowhere.
const ODD: &[&str] = &[
    "..",
    ".",
    "/",
    "//",
    "/./",
    "/../",
    "\\",
    "%2e",
    "%2E%2E",
    "%2f",
    "%2F",
    "%5C",
    "%5c",
    "%25",
    "%252e",
    "%",
    "%z",
    "%zz",
    "%41",
    "%7E",
    "%c3%bc",
    "%C3",
    "%FF",
    "%00",
    "%0D%0A",
    "%7F",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u{7f}",
    "\u{fc}",
    "\u{202e}",
    "#",
    "#a",
    "?",
    "??",
    "&",
    "&&",
    "=",
    ";",
    "<",
    ">",
    "\"",
    "[",
    "]",
    "^",
    "`",
    "{",
    "|",
    "}",
    "*",
    "key=x",
    "&KEY=x",
    "&%6Bey=x",
    "&_method=PUT",
    " HTTP/1.1\r\nx: y\r\n\r\nGET /",
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const ODD_METHODS: &[&str] = &[
    "get", "Get", "TRACE", "CONNECT", "PRI", "", " GET", "GET ", "GET /a", "GET\r\n", "QUERY", "*",
];

/// Routes for all paths of up to three segments, with a key and without.
fn grant() -> String {
    let routes = METHODS.iter().flat_map(|method| {
        [
            "/",
            "/{a}",
            "/{a}/",
            "/{a}/{b}",
            "/{a}/{b}/",
            "/{a}/{b}/{c}",
        ]
        .map(|path| format!("\"{method} {path}?*\""))
    });
    let routes: Vec<_> = routes.collect();
    format!(
        "request-headers = [\"x-a\", \"x-a-b\", \"range\", \"origin\"]\nallow = [{}]\n",
        routes.join(", ")
    )
}

fn text(random: &mut Random, most: usize, plain: &[u8]) -> String {
    let mut text = String::new();
    for _ in 0..random.below(most) {
        if random.one_in(5) {
            text.push_str(random.pick(ESCAPED));
        } else {
            text.push(char::from(random.pick(plain)));
        }
    }
    text
}

fn target(random: &mut Random) -> String {
    let mut target = String::new();
    let depth = random.below(4);
    for _ in 0..depth {
        target.push('/');
        target.push(char::from(random.pick(b"abc-~!*:@")));
        target.push_str(&text(random, 8, PCHAR));
    }
    if depth == 0 || (depth < 3 && random.one_in(4)) {
        target.push('/');
    }
    if random.one_in(2) {
        let pairs = (0..1 + random.below(3)).map(|_| {
            let name = text(random, 4, b"abcXYZ019-._~!$'()*+,:@/?");
            let equals = random.pick(&["", "=", "=", "="]);
            let value = text(random, 8, b"abcXYZ019-._~!$'()*+,:@/?=;");
            match equals {
                "" => format!("n{name}"),
                _ => format!("n{name}={value}"),
            }
        });
        let pairs: Vec<_> = pairs.collect();
        target.push('?');
        target.push_str(&pairs.join("&"));
    }
    target
}

fn headers(random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let names = [
        "accept",
        "accept",
        "x-a",
        "x-a",
        "x-a-b",
        "user-agent",
        "if-match",
        "prefer",
        "date",
        "content-type",
        "accept-encoding",
        "origin",
        "range",
    ];
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for _ in 0..random.below(7) {
        let name = random.pick(&names);
        let many = [
            "accept",
            "x-a",
            "x-a-b",
            "if-match",
            "prefer",
            "accept-encoding",
        ];
        if !many.contains(&name) && headers.iter().any(|(other, _)| other == name) {
            continue;
        }
        let visible = |random: &mut Random| u8::try_from(0x21 + random.below(94)).expect("ASCII");
        let mut value: Vec<u8> = (0..random.below(12)).map(|_| visible(random)).collect();
        if value.len() > 2 && random.one_in(3) {
            value[1] = random.pick(b" \t,:");
        }
        headers.push((name.to_owned(), value));
    }
    headers
}

fn case(random: &mut Random, authority: &str) -> Case {
    let mut case = Case {
        head: HttpHead {
            method: random.pick(METHODS).to_owned(),
            scheme: "http".to_owned(),
            authority: authority.to_owned(),
            path_and_query: target(random),
            headers: headers(random),
        },
        body: Vec::new(),
        pieces: None,
    };
    if !random.one_in(3) {
        let length = random.pick(&[0, 1, 2, 10, 100, 5000]);
        let byte = |random: &mut Random| u8::try_from(random.below(256)).expect("a byte");
        case.body = (0..length).map(|_| byte(random)).collect();
    }
    if random.one_in(2) {
        case.pieces = Some(random.split(&case.body));
    }
    if random.one_in(4) {
        let length = case.body.len().to_string().into_bytes();
        case.head
            .headers
            .push(("content-length".to_owned(), length));
    }
    if random.one_in(4) {
        let host = ("host".to_owned(), authority.as_bytes().to_vec());
        case.head.headers.insert(0, host);
    }
    if random.one_in(2) {
        mutate(&mut case.head, random, authority);
    }
    case
}

/// Writes something else in one place, which may or may not be canonical.
fn mutate(head: &mut HttpHead, random: &mut Random, authority: &str) {
    let (host, port) = authority.split_once(':').expect("a port");
    match random.below(10) {
        0 => head.method = random.pick(ODD_METHODS).to_owned(),
        1 => {
            head.scheme = random
                .pick(&["HTTP", "https", "ws", "", "http:"])
                .to_owned()
        }
        2 => {
            head.authority = match random.below(9) {
                0 => host.to_owned(),
                1 => format!("{host}:0{port}"),
                2 => format!("{host}:+{port}"),
                3 => format!("user@{authority}"),
                4 => format!("{host}.:{port}"),
                5 => format!("localhost:{port}"),
                6 => format!("2130706433:{port}"),
                7 => format!("[::ffff:{host}]:{port}"),
                _ => format!("{authority}/x"),
            }
        }
        3 | 4 => odd_header(head, random),
        _ => {
            let at = 1 + random.below(head.path_and_query.len());
            head.path_and_query.insert_str(at, random.pick(ODD));
        }
    }
}

fn odd_header(head: &mut HttpHead, random: &mut Random) {
    let names = [
        "Accept",
        "accept ",
        "x a",
        "x:a",
        "",
        ":path",
        "x\r\na",
        "authorization",
        "x-key",
        "cookie",
        "host",
        "connection",
        "te",
        "transfer-encoding",
        "x-forwarded-for",
        "expect",
        "x-b",
        "content-length",
        "accept",
        "x-a",
        "user-agent",
        "x-http-method",
        "sec-a",
        "proxy-a",
    ];
    let values: &[&[u8]] = &[
        b"1",
        b"",
        b" ",
        b"a ",
        b"\ta",
        b"a\r\nx: y",
        b"a\nb",
        b"a\rb",
        b"a\0b",
        b"\x7f",
        b"\x80",
        "\u{fc}".as_bytes(),
        b"chunked",
        b"\x1b[2J",
    ];
    let lengths: &[&[u8]] = &[b"", b"01", b"+1", b"1, 1", b"0x1", b"-0", b"1 "];
    let name = random.pick(&names);
    let value = match name {
        // A plain number that is wrong has a test of its own.
        "content-length" => random.pick(lengths),
        _ => random.pick(values),
    };
    let header = (name.to_owned(), value.to_vec());
    let at = random.below(head.headers.len() + 1);
    head.headers.insert(at, header);
}

/// What has to arrive: the request line, and the headers but for the body's framing, those of one
/// name in the guest's order.
fn expected(case: &Case, fixture: &Fixture, place: Place) -> (String, Vec<String>) {
    let HttpHead {
        method,
        authority,
        path_and_query: target,
        headers,
        ..
    } = &case.head;
    let line = match place {
        Place::Query => {
            let mark = if target.contains('?') { '&' } else { '?' };
            format!("{method} {target}{mark}key={} HTTP/1.1", fixture.key)
        }
        _ => format!("{method} {target} HTTP/1.1"),
    };
    let mut lines = vec![
        "accept-encoding: identity".to_owned(),
        format!("host: {authority}"),
    ];
    match place {
        Place::Bearer => lines.push(format!("authorization: Bearer {}", fixture.key)),
        Place::Header => lines.push(format!("x-key: {}", fixture.key)),
        Place::Query => {}
    }
    let hosts = ["host", "accept-encoding", "content-length"];
    for (name, value) in headers {
        if !hosts.contains(&name.as_str()) {
            let value = std::str::from_utf8(value).expect("what is approved is ASCII");
            lines.push(format!("{name}: {value}"));
        }
    }
    (line, sorted(lines))
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    // Stable: those of one name stay in their order.
    lines.sort_by_key(|line| line.split(':').next().map(str::to_owned));
    lines
}

/// What arrived, to be compared with what is expected.
fn arrived(raw: &Raw) -> (String, Vec<String>) {
    let head = std::str::from_utf8(&raw.head).expect("ASCII");
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let (framing, lines): (Vec<_>, Vec<_>) = lines.map(str::to_owned).partition(|line| {
        line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
    });
    let length = format!("content-length: {}", raw.body.len());
    match framing.as_slice() {
        [] => assert!(raw.body.is_empty()),
        [one] => assert!(
            *one == length || one == "transfer-encoding: chunked",
            "{one}"
        ),
        more => panic!("{more:?}"),
    }
    (line, sorted(lines))
}

/// The canonical head of what arrived without what the host adds, made as it is published.
fn canonical(case: &Case, (_, lines): &(String, Vec<String>)) -> String {
    let HttpHead {
        method,
        authority,
        path_and_query: target,
        ..
    } = &case.head;
    let mut head = format!("{method}\nhttp\n{authority}\n{target}\n");
    let hosts = ["host", "accept-encoding", "authorization", "x-key"];
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        if !hosts.contains(&name) {
            head.push_str(&format!("{name}:{value}\n"));
        }
    }
    format!("{head}\n")
}

/// Where the key goes.
#[derive(Clone, Copy, Debug)]
enum Place {
    Bearer,
    Header,
    Query,
}

impl Place {
    fn fixture(self, origin: &str) -> Fixture {
        let placement = match self {
            Self::Bearer => "\"bearer\"",
            Self::Header => "{ header = \"x-key\" }",
            Self::Query => "{ query = \"key\" }",
        };
        Fixture::granting(origin, placement, &grant())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the case through, and gives the digest of the head that arrived; or why it was refused.
async fn check(
    case: Case,
    (fixture, place): (&Fixture, Place),
    sender: &Sender,
    hear: &mut UnboundedReceiver<Raw>,
) -> Result<String, Code> {
    let approved = match decide(&fixture.policy, &case.head.clone().into()) {
        Ok(approved) => approved,
        Err(denied) => return Err(denied.code()),
    };
    let recorded = fixture.put_on_record(approved).await;
    let keyed = fixture.secrets.inject(recorded).await.expect("a key");
    let body = match &case.pieces {
        Some(pieces) => Body::new(Script::new(pieces.iter().cloned().map(Step::Data))),
        None => Body::full(Bytes::from(case.body.clone())),
    };
    let sent = sender.send(keyed, body, Patience::default()).await;
    let received = sent.unwrap_or_else(|error| panic!("{error}: {case:?}"));
    let raw = hear.recv().await.expect("the server listens");
    let (expected, arrived) = (expected(&case, fixture, place), arrived(&raw));
    assert_eq!(arrived, expected, "{case:?}");
    assert_eq!(raw.body, case.body, "{case:?}");
    let sent = received.traffic().sent().expect("a request was sent");
    assert_eq!(sent.bytes, raw.body.len() as u64);
    assert_eq!(sent.digest, *Sha256::digest(&raw.body), "{case:?}");
    Ok(hex(&Sha256::digest(canonical(&case, &arrived))))
}

/// How many requests are tried.
const CASES: usize = 6000;

#[tokio::test]
async fn what_is_authorised_is_byte_for_byte_what_is_sent() {
    let (address, mut hear) = listen().await;
    let sender = sender();
    let mut random = Random::new(1);
    let (mut approved, mut refused) = (0, Vec::new());
    for place in [Place::Bearer, Place::Header, Place::Query] {
        let fixture = place.fixture(&format!("http://{address}"));
        let mut heads = Vec::new();
        for _ in 0..CASES / 3 {
            let case = case(&mut random, &address.to_string());
            match check(case, (&fixture, place), &sender, &mut hear).await {
                Ok(head) => heads.push(head),
                Err(code) => refused.push(code),
            }
        }
        assert_eq!(fixture.heads(), heads, "what is on record is what arrived");
        approved += heads.len();
    }
    assert!(hear.try_recv().is_err(), "nothing else arrived");
    assert!(approved > CASES / 3, "{approved} are approved");
    let refusals = [
        (Code::ORIGIN_DENIED, 40),
        (Code::ROUTE_DENIED, 1),
        (Code::NOT_CANONICAL, 400),
        (Code::HEADER_DENIED, 100),
        (Code::CREDENTIAL_HEADER, 20),
        (Code::QUERY_DENIED, 1),
        (Code::METHOD_DENIED, 40),
    ];
    for (code, least) in refusals {
        let count = refused.iter().filter(|refused| **refused == code).count();
        assert!(count >= least, "{code} refuses {count}");
    }
}
