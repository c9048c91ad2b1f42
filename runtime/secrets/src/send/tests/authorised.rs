//! What is authorised is byte for byte what is sent, tried on many requests of a guest.
//!
//! What arrives is compared with what the guest wrote, not with what some part of agentbox made of
//! it: whatever is refused is refused, and nothing is repaired on the way.

mod cases;
mod servers;

use agentbox_gate::{Body, Patience};
use agentbox_policy::{Bounds, Code, HttpHead, decide};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::UnboundedReceiver;

use super::sender;
use super::tls::{Authority, HOST};
use crate::Sender;
use crate::testing::fixture::Fixture;
use crate::testing::{Random, Script, Step};
use cases::{Case, case, grant};
use servers::{Raw, listen, listen_http2};

// As a request line ends.
const HTTP_11: &str = " HTTP/1.1";
const HTTP_2: &str = " HTTP/2.0";

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
            format!("{method} {target}{mark}key={}", fixture.key)
        }
        _ => format!("{method} {target}"),
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

/// What arrived over this version of HTTP, to be compared with what is expected.
fn arrived(raw: &Raw, version: &str) -> (String, Vec<String>) {
    let head = std::str::from_utf8(&raw.head).expect("ASCII");
    let mut lines = head.split("\r\n");
    let line = lines.next().and_then(|line| line.strip_suffix(version));
    let line = line
        .expect("the version is the last of the line")
        .to_owned();
    let (framing, lines): (Vec<_>, Vec<_>) = lines.map(str::to_owned).partition(|line| {
        line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
    });
    let length = format!("content-length: {}", raw.body.len());
    match framing.as_slice() {
        // The other version has frames of its own.
        [] => assert!(raw.body.is_empty() || version == HTTP_2),
        [one] if *one == length => {}
        [one] => assert_eq!(
            (one.as_str(), version),
            ("transfer-encoding: chunked", HTTP_11)
        ),
        more => panic!("{more:?}"),
    }
    (line, sorted(lines))
}

/// The canonical head of what arrived without what the host adds, made as it is published.
fn canonical(case: &Case, (_, lines): &(String, Vec<String>)) -> String {
    let HttpHead {
        method,
        scheme,
        authority,
        path_and_query: target,
        ..
    } = &case.head;
    let mut head = format!("{method}\n{scheme}\n{authority}\n{target}\n");
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

/// A server, and how to get there.
struct Upstream {
    scheme: &'static str,
    authority: String,
    /// The version of HTTP, as a request line has it.
    version: &'static str,
    sender: Sender,
    hear: UnboundedReceiver<Raw>,
}

impl Upstream {
    /// Puts the case through, and gives the digest of the head that arrived; or why it was refused.
    async fn check(
        &mut self,
        case: Case,
        (fixture, place): (&Fixture, Place),
    ) -> Result<String, Code> {
        let approved = match decide(&fixture.policy, &case.head.clone().into()) {
            Ok(approved) => approved,
            Err(denied) => return Err(denied.code()),
        };
        let recorded = fixture.put_on_record(approved).await;
        let keyed = fixture.secrets.inject(recorded).await.expect("a key");
        let body = match &case.pieces {
            // Servers of HTTP/2 take many tiny frames for an attack.
            Some(pieces) if self.version == HTTP_11 || pieces.len() < 50 => {
                Body::new(Script::new(pieces.iter().cloned().map(Step::Data)))
            }
            _ => Body::full(Bytes::from(case.body.clone())),
        };
        let sent = self.sender.send(keyed, body, Patience::default()).await;
        let received = sent.unwrap_or_else(|error| panic!("{error}: {:?}", case.head));
        let raw = self.hear.recv().await.expect("the server listens");
        let arrived = arrived(&raw, self.version);
        assert_eq!(arrived, expected(&case, fixture, place), "{:?}", case.head);
        assert_eq!(raw.body, case.body, "{:?}", case.head);
        let sent = received.traffic().sent().expect("a request was sent");
        assert_eq!(sent.bytes, raw.body.len() as u64);
        assert_eq!(sent.digest, *Sha256::digest(&raw.body), "{:?}", case.head);
        Ok(hex(&Sha256::digest(canonical(&case, &arrived))))
    }

    /// Tries so many cases with the key in each place: how many were approved, and why the others
    /// were refused.
    async fn check_all(&mut self, mut random: Random, cases: usize) -> (usize, Vec<Code>) {
        let (mut approved, mut refused) = (0, Vec::new());
        for place in [Place::Bearer, Place::Header, Place::Query] {
            let fixture = place.fixture(&format!("{}://{}", self.scheme, self.authority));
            let mut heads = Vec::new();
            for _ in 0..cases {
                let case = case(&mut random, (self.scheme, &self.authority));
                match self.check(case, (&fixture, place)).await {
                    Ok(head) => heads.push(head),
                    Err(code) => refused.push(code),
                }
            }
            assert_eq!(fixture.heads(), heads, "what is on record is what arrived");
            approved += heads.len();
        }
        assert!(self.hear.try_recv().is_err(), "nothing else arrived");
        assert!(approved > cases, "{approved} are approved");
        (approved, refused)
    }
}

#[tokio::test]
async fn what_is_authorised_is_byte_for_byte_what_is_sent() {
    let (address, hear) = listen().await;
    let mut upstream = Upstream {
        scheme: "http",
        authority: address.to_string(),
        version: HTTP_11,
        sender: sender(),
        hear,
    };
    let (_, refused) = upstream.check_all(Random::new(1), 1500).await;
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

#[tokio::test]
async fn what_is_authorised_is_what_is_sent_over_http2_as_well() {
    let authority = Authority::new();
    let (address, hear) = listen_http2(authority.server(HOST, &["h2"], false)).await;
    let mut upstream = Upstream {
        scheme: "https",
        authority: format!("{HOST}:{}", address.port()),
        version: HTTP_2,
        sender: authority.sender(&Bounds::default()),
        hear,
    };
    upstream.check_all(Random::new(2), 200).await;
}
