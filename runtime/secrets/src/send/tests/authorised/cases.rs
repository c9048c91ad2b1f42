//! Requests of guests, most of them canonical.

use agentbox_policy::HttpHead;
use bytes::Bytes;

use crate::testing::Random;

/// A request of a guest.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) head: HttpHead,
    pub(super) body: Vec<u8>,
    /// How the body comes, where its length is not known at once.
    pub(super) pieces: Option<Vec<Bytes>>,
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
pub(super) fn grant() -> String {
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

/// A request to the origin, of which about half are odd in one place.
pub(super) fn case(random: &mut Random, (scheme, authority): (&str, &str)) -> Case {
    let mut case = Case {
        head: HttpHead {
            method: random.pick(METHODS).to_owned(),
            scheme: scheme.to_owned(),
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
            let odd = ["HTTP", "HTTPS", "Https", "ws", "", "http:", "https://a"];
            head.scheme = random.pick(&odd).to_owned();
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
