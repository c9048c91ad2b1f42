//! Names that lead elsewhere: whatever a DNS server says, a key goes where the policy lets it.

use std::time::Duration;

use crate::support::agentbox::Outcome;
use crate::support::api;
use crate::support::caller::{Caller, Terms};
use crate::support::decoy::Decoy;
use crate::support::dns::{self, A, AAAA, Asked, Dns, HTTPS, Said, address, alias, record};
use crate::support::tls::{Authority, TlsServer};

const HOST: &str = "api.widgets.example";
const COMPLETE: &str = "api.widgets.example.";

/// For those who are never answered.
const SOON: [&str; 2] = ["--connect", "3s"];

/// A server at 127.0.0.1 with a certificate for one name, and somebody at the same port of
/// 127.0.0.2 and of ::1, whom nobody may call.
struct Place {
    host: &'static str,
    ca: Authority,
    server: TlsServer,
    decoys: [Decoy; 2],
}

impl Place {
    fn new(host: &'static str, reply: Vec<u8>) -> Self {
        let ca = Authority::new();
        let server = ca.serve(host, true, reply);
        let decoys = ["127.0.0.2", "[::1]"].map(|address| {
            Decoy::at(&format!("{address}:{}", server.port())).expect("the port is free there")
        });
        Self {
            host,
            ca,
            server,
            decoys,
        }
    }

    fn closing() -> Self {
        Self::new(HOST, api::json(200, "{}"))
    }

    fn url(&self) -> String {
        format!("{}/v1/things", self.origin())
    }

    fn origin(&self) -> String {
        format!("https://{}:{}", self.host, self.server.port())
    }

    /// Lets the probe do `words` with the place's URL at their end, under a policy that lets the
    /// name lead to 127.0.0.1 alone.
    fn ask(&self, flags: &[&str], words: &[&str]) -> (Caller, Outcome) {
        let origin = self.origin();
        let caller = Caller::new(&Terms {
            rest: "addresses = [\"127.0.0.1/32\"]",
            ..Terms::at(&origin)
        });
        caller.ground.write("ca.pem", self.ca.pem());
        let flags = [&["--ca", "ca.pem"], flags].concat();
        let outcome = caller.run_with(&flags, &[words, &[&self.url()]].concat());
        for decoy in &self.decoys {
            decoy.assert_untouched();
        }
        (caller, outcome)
    }

    /// The same, for one request, with the addresses that `dns` says.
    fn get(&self, dns: &Dns) -> (Caller, Outcome) {
        self.ask(&["--resolver", &dns.address()], &["http", "GET"])
    }

    /// Checks that one request gets nowhere, and with which code.
    #[track_caller]
    fn refuses(&self, dns: &Dns, code: &str) -> Outcome {
        self.refuses_with(&[], dns, code)
    }

    /// The same, with more flags.
    #[track_caller]
    fn refuses_with(&self, flags: &[&str], dns: &Dns, code: &str) -> Outcome {
        let server = dns.address();
        let flags = [flags, &["--resolver", &server]].concat();
        let (caller, outcome) = self.ask(&flags, &["http", "GET"]);
        outcome.exits(1).says(&format!("[{code}]"));
        let recorded = caller.event("outcome");
        assert_eq!(
            (&recorded["code"], &recorded["sent"]),
            (&code.into(), &0.into())
        );
        assert_eq!(self.server.requests(), Vec::<String>::new());
        outcome
    }
}

/// The types that were asked for, by name.
fn questions(dns: &Dns) -> Vec<(String, u16)> {
    let mut asked: Vec<_> = dns.asked().into_iter().map(|a| (a.name, a.kind)).collect();
    asked.sort();
    asked
}

#[test]
fn d06_a_name_is_asked_for_as_it_is_and_for_its_addresses_alone() {
    let place = Place::closing();
    let dns = Dns::always(&["127.0.0.1"]);
    let (caller, outcome) = place.get(&dns);
    outcome.exits(0);
    let both = [A, AAAA].map(|kind| (COMPLETE.to_owned(), kind));
    assert_eq!(questions(&dns), both);
    let address = format!("127.0.0.1:{}", place.server.port());
    assert_eq!(caller.event("outcome")["address"], address);
    assert_eq!(place.server.requests().len(), 1);
}

#[test]
fn d01_a_name_that_leads_to_an_address_that_is_not_admitted_is_not_dialled() {
    let place = Place::closing();
    for addresses in [
        &["127.0.0.2"][..],
        &["::1"],
        &["127.0.0.2", "::1", "10.0.0.1"],
    ] {
        let dns = Dns::always(addresses);
        let outcome = place.refuses(&dns, "AB0210");
        outcome.says("error: ErrorCode::DestinationIpProhibited");
        // Where it leads is the operator's to know, and not the guest's.
        outcome.says(&format!("`{HOST}` leads to {}", addresses[0]));
        assert!(!outcome.out().contains(addresses[0]));
    }
}

#[test]
fn d01_what_is_not_granted_is_not_even_asked_about() {
    let place = Place::closing();
    let dns = Dns::always(&["127.0.0.1"]);
    let flags = ["--resolver", &dns.address()];
    let caller = Caller::new(&Terms::at(&place.origin()));
    for (method, url) in [
        (
            "GET",
            format!("https://other.example:{}/v1/things", place.server.port()),
        ),
        ("GET", format!("https://{HOST}/v1/things")),
        (
            "GET",
            format!(
                "https://secret-in-a-name.{HOST}:{}/v1/things",
                place.server.port()
            ),
        ),
        ("GET", format!("{}/v2/things", place.origin())),
        ("POST", place.url()),
    ] {
        let outcome = caller.run_with(&flags, &["http", method, &url]);
        outcome.exits(1).says("denied[AB02");
    }
    assert_eq!(dns.asked(), []);
    assert_eq!(place.server.requests(), Vec::<String>::new());
}

#[test]
fn d04_a_name_that_leads_elsewhere_by_the_next_connection_is_refused_there() {
    let rebinding = |asked: &Asked| {
        let leads_to = if asked.before == 0 {
            "127.0.0.1"
        } else {
            "127.0.0.2"
        };
        let is_v4 = asked.kind == A;
        Said::Records(if is_v4 {
            vec![address(COMPLETE, leads_to)]
        } else {
            Vec::new()
        })
    };
    let twice =
        |place: &Place, dns: &Dns| place.ask(&["--resolver", &dns.address()], &["twice", "GET"]);
    let asked = |dns: &Dns| dns.asked().iter().filter(|asked| asked.kind == A).count();
    let place = Place::closing();
    let dns = Dns::start(rebinding);
    let (caller, outcome) = twice(&place, &dns);
    outcome.exits(1).says("AB0210");
    assert_eq!((place.server.requests().len(), asked(&dns)), (1, 2));
    let outcomes = caller.events("outcome");
    assert_eq!(
        (&outcomes[0]["status"], &outcomes[1]["code"]),
        (&200.into(), &"AB0210".into())
    );
    // One that is kept stays where it was checked, and the record says so.
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let place = Place::new(HOST, reply.to_vec());
    let dns = Dns::start(rebinding);
    let (caller, outcome) = twice(&place, &dns);
    outcome.exits(0);
    assert_eq!((place.server.requests().len(), asked(&dns)), (2, 1));
    let address = format!("127.0.0.1:{}", place.server.port());
    for outcome in caller.events("outcome") {
        assert_eq!(outcome["address"], address);
    }
}

#[test]
fn d05_an_alias_is_followed_so_far_and_what_it_leads_to_is_checked() {
    let place = Place::closing();
    let aliases = |count: usize, last: &'static str| {
        let name = |n: usize| {
            if n == 0 {
                COMPLETE.to_owned()
            } else {
                format!("n{n}.example.")
            }
        };
        let mut records: Vec<_> = (0..count).map(|n| alias(&name(n), &name(n + 1))).collect();
        records.push(address(&name(count), last));
        Dns::start(move |asked| {
            Said::Records(if asked.kind == A {
                records.clone()
            } else {
                Vec::new()
            })
        })
    };
    place.refuses(&aliases(1, "127.0.0.2"), "AB0210");
    place.refuses(&aliases(20, "127.0.0.1"), "AB0601");
    let around = Dns::start(|_| {
        Said::Records(vec![
            alias(COMPLETE, "b.example."),
            alias("b.example.", COMPLETE),
        ])
    });
    place.refuses(&around, "AB0601");
    // Whatever the alias, nobody is asked about it, and this machine knows no address for it.
    let here = Dns::start(|_| Said::Records(vec![alias(COMPLETE, "localhost.")]));
    place.refuses(&here, "AB0601");
    assert!(here.asked().iter().all(|asked| asked.name == COMPLETE));
    let (_, outcome) = place.get(&aliases(3, "127.0.0.1"));
    outcome.exits(0);
}

#[test]
fn d06_a_short_name_is_not_completed_and_no_other_place_is_looked_at() {
    let completed = |asked: &Asked| match asked.name.as_str() {
        "api." | "localhost." | "printer.local." => Said::Error(3),
        _ => Said::Records(vec![address(&asked.name, "127.0.0.1")]),
    };
    // A name of the file of hosts, and one of the local network, are names like others.
    for (host, name) in [
        ("api", "api."),
        ("localhost", "localhost."),
        ("printer.local", "printer.local."),
    ] {
        let place = Place::new(host, api::json(200, "{}"));
        let dns = Dns::start(completed);
        place.refuses(&dns, "AB0601").says("there is no such name");
        assert_eq!(
            questions(&dns),
            [A, AAAA].map(|kind| (name.to_owned(), kind))
        );
    }
}

#[test]
fn d06_the_systems_resolver_does_not_ask_the_local_network() {
    let place = Place::new("printer.local", api::json(200, "{}"));
    let (caller, outcome) = place.ask(&[], &["http", "GET"]);
    outcome
        .exits(1)
        .says("anyone on the local network can answer");
    assert_eq!(caller.event("outcome")["code"], "AB0601");
}

#[test]
fn d07_d08_addresses_that_are_special_are_refused_whatever_says_them() {
    let place = Place::closing();
    for special in [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "2001:db8::1",
        "10.0.0.1",
        "fe80::1",
        "::ffff:127.0.0.2",
        "64:ff9b::7f00:2",
        "2002:7f00:2::",
    ] {
        place.refuses(&Dns::always(&[special]), "AB0210");
    }
}

#[test]
fn d11_a_server_that_does_not_answer_costs_the_time_to_connect() {
    let place = Place::closing();
    let silent = Dns::start(|_| Said::Silence);
    let outcome = place.refuses_with(&SOON, &silent, "AB0601");
    outcome.says("the resolver did not answer in time");
    assert!(
        outcome.elapsed < Duration::from_secs(40),
        "{:?}",
        outcome.elapsed
    );
    // It is asked again before it is given up.
    assert!(silent.asked().len() > 2, "{:?}", silent.asked());
    for lie in [Said::WrongId as fn(_) -> _, Said::OtherQuestion] {
        let lies = Dns::start(move |_| lie(vec![address(COMPLETE, "127.0.0.1")]));
        let outcome = place.refuses_with(&SOON, &lies, "AB0601");
        assert!(
            outcome.elapsed < Duration::from_secs(40),
            "{:?}",
            outcome.elapsed
        );
    }
    let gone = Dns::always(&[]);
    let address = gone.address();
    drop(gone);
    let (_, outcome) = place.ask(&["--resolver", &address], &["http", "GET"]);
    outcome.exits(1).says("AB0601");
    assert!(
        outcome.elapsed < Duration::from_secs(40),
        "{:?}",
        outcome.elapsed
    );
}

#[test]
fn d11_a_server_that_is_silent_about_one_kind_does_not_hold_up_the_other() {
    let place = Place::closing();
    let half = Dns::start(|asked| match asked.kind {
        A => Said::Records(vec![address(COMPLETE, "127.0.0.1")]),
        _ => Said::Silence,
    });
    let flags = ["--resolver", &half.address(), "--connect", "10s"];
    let (_, outcome) = place.ask(&flags, &["http", "GET"]);
    outcome.exits(0);
    assert!(
        outcome.elapsed < Duration::from_secs(8),
        "{:?}",
        outcome.elapsed
    );
}

#[test]
fn d11_a_long_answer_comes_by_tcp_and_is_bounded() {
    let place = Place::closing();
    let long = |last: &'static str, count: usize| {
        Dns::start(move |asked| match (asked.kind, asked.stream) {
            (A, true) => {
                let mut records = vec![address(COMPLETE, "127.0.0.2"); count];
                records.push(address(COMPLETE, last));
                Said::Records(records)
            }
            (A, false) => Said::Truncated,
            _ => Said::Error(3),
        })
    };
    let dns = long("127.0.0.1", 100);
    let (_, outcome) = place.get(&dns);
    outcome.exits(0);
    assert!(dns.asked().iter().any(|asked| asked.stream));
    // 65 000 bytes of addresses, none of which is admitted.
    let most = place_for(address(COMPLETE, "127.0.0.2").len());
    let place = Place::closing();
    place.refuses(&long("127.0.0.2", most - 1), "AB0210");
    let count = Dns::start(move |_| Said::Count(10_000, address(COMPLETE, "127.0.0.1").repeat(10)));
    place.refuses(&count, "AB0601").says("malformed");
    let cut = Dns::start(|_| Said::Truncated);
    place.refuses(&cut, "AB0601").says("cuts its answer short");
    let silent = Dns::start(|asked| {
        if asked.stream {
            Said::Silence
        } else {
            Said::Truncated
        }
    });
    place.refuses_with(&SOON, &silent, "AB0601");
}

/// How many records of this length a message has room for.
fn place_for(record: usize) -> usize {
    (65_535 - 12 - dns::wire(COMPLETE).len() - 4) / record
}

#[test]
fn d13_a_policy_that_admits_one_kind_of_address_does_not_admit_the_other() {
    // One name, two addresses, of which one is granted.
    let place = Place::new("localhost", api::json(200, "{}"));
    let (_, outcome) = place.get(&Dns::always(&["::1", "127.0.0.1"]));
    outcome.exits(0);
    assert_eq!(place.server.requests().len(), 1);
    let place = Place::new("localhost", api::json(200, "{}"));
    place.refuses(&Dns::always(&["::1"]), "AB0210");
    // The system's resolver knows both as well.
    let (_, outcome) = place.ask(&[], &["http", "GET"]);
    outcome.exits(0);
    assert_eq!(place.server.requests().len(), 1);
}

#[test]
fn d14_an_address_that_is_added_later_is_checked_like_the_first() {
    let place = Place::closing();
    let dns = Dns::start(|asked| {
        let added = asked.kind == AAAA && asked.before > 0;
        Said::Records(match asked.kind {
            A => vec![address(COMPLETE, "127.0.0.1")],
            _ if added => vec![address(COMPLETE, "::1")],
            _ => Vec::new(),
        })
    });
    let (_, outcome) = place.ask(&["--resolver", &dns.address()], &["twice", "GET"]);
    outcome.exits(0);
    assert_eq!(place.server.requests().len(), 2);
    assert!(
        dns.asked()
            .iter()
            .any(|asked| asked.kind == AAAA && asked.before == 1)
    );
}

#[test]
fn d15_records_that_lead_to_other_services_are_passed_over() {
    let place = Place::closing();
    let elsewhere = Decoy::start();
    let port = elsewhere
        .url()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    let port = port.expect("a decoy has a port").to_be_bytes();
    let dns = Dns::start(move |asked| {
        // Another name, another port, and where both are.
        let data = [&[0, 1][..], &dns::wire("b.example."), &[0, 3, 0, 2], &port].concat();
        let hint = [&data[..], &[0, 4, 0, 4, 127, 0, 0, 2]].concat();
        let service = record(COMPLETE, HTTPS, &hint);
        let addresses = [
            address("b.example.", "127.0.0.2"),
            address(COMPLETE, "127.0.0.1"),
        ];
        Said::Records(match asked.kind {
            A => [vec![service], addresses.into()].concat(),
            _ => vec![service],
        })
    });
    let (_, outcome) = place.get(&dns);
    outcome.exits(0);
    elsewhere.assert_untouched();
    assert!(
        dns.asked()
            .iter()
            .all(|asked| [A, AAAA].contains(&asked.kind))
    );
}

#[test]
fn a_resolver_is_an_address_with_or_without_a_port() {
    let place = Place::closing();
    for odd in [
        "",
        "localhost",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "1.2.3",
        "dns.example:53",
    ] {
        let (_, outcome) = place.ask(&["--resolver", odd], &["http", "GET"]);
        outcome.exits(125).says("--resolver");
    }
}
