//! Names that lead elsewhere, in the hands of programs that call them.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::{Attack, Ran};
use crate::support::api;
use crate::support::decoy::Decoy;
use crate::support::dns::{self, A, AAAA, Asked, Dns, HTTPS, Said, address, alias, record};
use crate::support::guests;
use crate::support::tls::{Authority, TlsServer};

/// An attack under a policy that grants names, with a DNS server that says where they lead. Behind
/// 127.0.0.1 is who may be called, and at the same port of 127.0.0.2 and of ::1 who may not.
struct Named {
    attack: Attack,
    dns: Dns,
    server: TlsServer,
    decoys: [Decoy; 2],
}

/// What is granted: each name below it.
const BELOW: &str = ".widgets.example.";

impl Named {
    /// The attack in the folder `name`, where a question is answered with what `script` says.
    fn new(name: &str, script: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        Self::on(name, "*.widgets.example", api::json(200, "{}"), script)
    }

    /// The same with a server that has a certificate for `host` and answers with `reply`.
    fn on(
        name: &str,
        host: &str,
        reply: Vec<u8>,
        script: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let attack = Attack::new(name);
        let ca = Authority::new();
        let server = ca.serve(host, true, reply);
        let decoys = ["127.0.0.2", "[::1]"].map(|address| {
            Decoy::at(&format!("{address}:{}", server.port())).expect("the port is free there")
        });
        let hostile = guests::sources().join("hostile");
        let own = hostile.join(name).join("agentbox.toml");
        let policy = if own.exists() {
            own
        } else {
            hostile.join("names.toml")
        };
        let policy = fs::read_to_string(policy).expect("a policy can be read");
        let port = format!(":{}", server.port());
        attack
            .ground
            .write("agentbox.toml", &policy.replace(":8080", &port));
        attack.ground.write("ca.pem", ca.pem());
        Self {
            attack,
            dns: Dns::start(script),
            server,
            decoys,
        }
    }

    /// Lets it attack, compares what came of it with `expected`, and checks that nobody else was
    /// called, that the server has seen what was sent and no more, and that nobody was asked for
    /// anything but the addresses of names that are granted.
    #[track_caller]
    fn comes_to(&self, flags: &[&str], expected: &str) -> Ran {
        let server = self.dns.address();
        let own = ["--ca", "ca.pem", "--resolver", &server];
        let port = self.server.port().to_string();
        let flags = [&own[..], flags].concat();
        let ran = self.attack.comes_to_with(&flags, &[&port], expected);
        for decoy in &self.decoys {
            decoy.assert_untouched();
        }
        let recorded = self.attack.recorded();
        let sent = recorded.iter().filter(|result| *result == "sent").count();
        assert_eq!(self.server.requests().len(), sent);
        for asked in self.dns.asked() {
            let granted = ["api.", "localhost.", "printer.local."].contains(&&*asked.name);
            assert!(granted || asked.name.ends_with(BELOW), "{asked:?}");
            assert!([A, AAAA].contains(&asked.kind), "{asked:?}");
        }
        // Also where a key would have to be cut into labels, or into names.
        let names: Vec<String> = self
            .dns
            .asked()
            .into_iter()
            .map(|asked| asked.name)
            .collect();
        let ground = &self.attack.ground;
        ground.assert_no_key_in("a name", names.join("\n").as_bytes());
        ground.assert_no_key_in("names", names.concat().replace('.', "").as_bytes());
        ran
    }

    /// The names that somebody was asked about.
    fn asked(&self) -> BTreeSet<String> {
        self.dns
            .asked()
            .into_iter()
            .map(|asked| asked.name)
            .collect()
    }

    /// How often the IPv4 addresses of any name were asked for.
    fn lookups(&self) -> usize {
        let asked = self.dns.asked();
        asked.iter().filter(|asked| asked.kind == A).count()
    }
}

/// The first label of a name.
fn label(asked: &Asked) -> &str {
    asked.name.split('.').next().unwrap_or_default()
}

/// Those of `addresses` that were asked for.
fn leads_to(asked: &Asked, addresses: &[&str]) -> Said {
    let wanted = |text: &&&str| text.contains(':') == (asked.kind == AAAA);
    let addresses = addresses.iter().filter(wanted);
    Said::Records(addresses.map(|text| address(&asked.name, text)).collect())
}

/// What `table` says of the first label; other names are not there.
fn by_label(table: &'static [(&str, &[&str])]) -> impl Fn(&Asked) -> Said + Send + Sync {
    move |asked| {
        let found = table.iter().find(|(name, _)| *name == label(asked));
        found.map_or(Said::Error(3), |(_, addresses)| leads_to(asked, addresses))
    }
}

#[test]
fn d01_names_that_lead_elsewhere() {
    let named = Named::new(
        "d01-names-that-lead-elsewhere",
        by_label(&[
            ("elsewhere", &["127.0.0.2"]),
            ("six", &["::1"]),
            ("inside", &["::ffff:127.0.0.2"]),
            ("several", &["127.0.0.2", "127.0.0.3", "::1"]),
            ("beside", &["127.0.0.2", "::1", "127.0.0.1"]),
        ]),
    );
    let ran = named.comes_to(
        &[],
        r"
        both failed:AB0210 GET https://elsewhere.widgets.example/v1/widgets
        both failed:AB0210 GET https://six.widgets.example/v1/widgets
        both failed:AB0210 GET https://inside.widgets.example/v1/widgets
        both failed:AB0210 GET https://several.widgets.example/v1/widgets
        both sent GET https://beside.widgets.example/v1/widgets
        ",
    );
    // Where they lead is the operator's to know, and not the program's.
    ran.outcome.says("leads to 127.0.0.2");
    assert!(!ran.outcome.out().contains("127.0.0."));
}

#[test]
fn d01_names_that_nobody_granted() {
    let named = Named::new("d01-names-that-nobody-granted", |asked| {
        leads_to(asked, &["127.0.0.1"])
    });
    named.comes_to(
        &[],
        r"
        both AB0201 GET https://widgets.example/v1/widgets
        both AB0201 GET https://everything-i-know.evil.example/v1/widgets
        both AB0201 GET https://everything.i.know.evil.example/v1/widgets
        both AB0201 GET https://api.widgets.example.evil.example/v1/widgets
        both AB0201 GET https://xn--everything-i-know-kza.example/v1/widgets
        both AB0201 GET https://localhost.localdomain/v1/widgets
        both AB0201 GET https://metadata.google.internal/v1/widgets
        both AB0201 GET https://instance-data.ec2.internal/v1/widgets
        both AB0201 GET https://1.0.0.127.in-addr.arpa/v1/widgets
        both AB0201 GET https://everything-i-know.local/v1/widgets
        both AB0201 GET https://metadata/v1/widgets
        both AB0201 GET https://everything-i-know.widgets.example/v1/widgets
        both AB0201 GET http://everything-i-know.widgets.example/v1/widgets
        both AB0201 GET https://everything-i-know.widgets.example:8443/v1/widgets
        both AB0202 GET https://everything-i-know.widgets.example/v1/admin
        both AB0202 POST https://everything-i-know.widgets.example/v1/widgets
        ",
    );
    assert_eq!(named.asked(), BTreeSet::new());
}

#[test]
fn d04_names_that_move() {
    let name = "d04-names-that-move";
    let moving = |asked: &Asked| {
        let at_home = asked.before.is_multiple_of(2);
        leads_to(asked, &[if at_home { "127.0.0.1" } else { "127.0.0.2" }])
    };
    let named = Named::new(name, moving);
    named.comes_to(
        &[],
        r"
        both sent/failed:AB0210 GET https://moving.widgets.example/v1/widgets
        both sent/failed:AB0210 GET https://moving.widgets.example/v1/widgets
        both sent/failed:AB0210 GET https://moving.widgets.example/v1/widgets
        both sent/failed:AB0210 GET https://moving.widgets.example/v1/widgets
        both sent/failed:AB0210 GET https://moving.widgets.example/v1/widgets
        ",
    );
    assert_eq!(named.lookups(), 10, "each connection is a new one");
    // One that is kept was checked, and stays where it is.
    let kept = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let named = Named::on(name, "*.widgets.example", kept, moving);
    named.comes_to(
        &[],
        r"
        both sent GET https://moving.widgets.example/v1/widgets
        both sent GET https://moving.widgets.example/v1/widgets
        both sent GET https://moving.widgets.example/v1/widgets
        both sent GET https://moving.widgets.example/v1/widgets
        both sent GET https://moving.widgets.example/v1/widgets
        ",
    );
    assert_eq!(named.lookups(), 1);
}

#[test]
fn d05_names_of_names() {
    let named = Named::new("d05-names-of-names", |asked| {
        let own = asked.name.as_str();
        let chain = |length: usize, last: &str| {
            let name = |n: usize| match n {
                0 => own.to_owned(),
                n => format!("n{n}.example."),
            };
            let mut records: Vec<_> = (0..length).map(|n| alias(&name(n), &name(n + 1))).collect();
            records.push(address(&name(length), last));
            records
        };
        Said::Records(match (asked.kind, label(asked)) {
            (AAAA, _) => Vec::new(),
            (_, "elsewhere") => chain(1, "127.0.0.2"),
            (_, "here") => vec![alias(own, "localhost.")],
            (_, "circle") => vec![alias(own, "b.example."), alias("b.example.", own)],
            (_, "itself") => vec![alias(own, own)],
            (_, "twenty") => chain(20, "127.0.0.1"),
            _ => chain(3, "127.0.0.1"),
        })
    });
    named.comes_to(
        &[],
        r"
        both failed:AB0210 GET https://elsewhere.widgets.example/v1/widgets
        both failed:AB0601 GET https://here.widgets.example/v1/widgets
        both failed:AB0601 GET https://circle.widgets.example/v1/widgets
        both failed:AB0601 GET https://itself.widgets.example/v1/widgets
        both failed:AB0601 GET https://twenty.widgets.example/v1/widgets
        both sent GET https://three.widgets.example/v1/widgets
        ",
    );
}

#[test]
fn d06_short_names() {
    // Whoever completes `api` comes to a name that leads to the granted address.
    let named = Named::new("d06-short-names", |asked| match asked.name.as_str() {
        "api." | "localhost." | "printer.local." => Said::Error(3),
        _ => leads_to(asked, &["127.0.0.1"]),
    });
    let ran = named.comes_to(
        &[],
        r"
        both failed:AB0601 GET https://api/v1/widgets
        both failed:AB0601 GET https://localhost/v1/widgets
        both failed:AB0601 GET https://printer.local/v1/widgets
        both AB0201 GET https://intranet/v1/widgets
        both AB0201 GET https://gateway/v1/widgets
        both AB0201 GET https://wpad/v1/widgets
        both AB0201 GET https://scanner.local/v1/widgets
        both AB0201 GET https://api.local/v1/widgets
        ",
    );
    ran.outcome.says("there is no such name");
    let asked = ["api.", "localhost.", "printer.local."];
    assert_eq!(named.asked(), asked.map(str::to_owned).into());
}

#[test]
fn d07_where_clouds_keep_keys() {
    let named = Named::new(
        "d07-where-clouds-keep-keys",
        by_label(&[
            ("aws", &["169.254.169.254"]),
            ("aws-six", &["fd00:ec2::254"]),
            ("containers", &["169.254.170.2"]),
            ("pods", &["169.254.170.23", "fd00:ec2::23"]),
            ("alibaba", &["100.100.100.200"]),
            ("oracle", &["192.0.0.192"]),
            ("azure", &["168.63.129.16"]),
            ("mapped", &["::ffff:169.254.169.254"]),
            ("translated", &["64:ff9b::a9fe:a9fe"]),
        ]),
    );
    named.comes_to(
        &[],
        r"
        both failed:AB0210 GET https://aws.widgets.example/v1/widgets
        both failed:AB0210 GET https://aws-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://containers.widgets.example/v1/widgets
        both failed:AB0210 GET https://pods.widgets.example/v1/widgets
        both failed:AB0210 GET https://alibaba.widgets.example/v1/widgets
        both failed:AB0210 GET https://oracle.widgets.example/v1/widgets
        both failed:AB0210 GET https://azure.widgets.example/v1/widgets
        both failed:AB0210 GET https://mapped.widgets.example/v1/widgets
        both failed:AB0210 GET https://translated.widgets.example/v1/widgets
        both AB0201 GET https://169.254.169.254/v1/widgets
        both AB0201 GET https://[fd00:ec2::254]/v1/widgets
        both AB0204 GET https://[::ffff:a9fe:a9fe]/v1/widgets
        both AB0201 GET https://metadata.google.internal/v1/widgets
        ",
    );
}

#[test]
fn d08_special_addresses() {
    let named = Named::new(
        "d08-special-addresses",
        by_label(&[
            ("any", &["0.0.0.0"]),
            ("any-six", &["::"]),
            ("loopback", &["127.0.0.2"]),
            ("loopback-six", &["::1"]),
            ("private", &["10.0.0.1"]),
            ("home", &["192.168.0.1"]),
            ("office", &["172.16.0.1"]),
            ("unique-local", &["fd00::1"]),
            ("link", &["169.254.0.1"]),
            ("link-six", &["fe80::1"]),
            ("shared", &["100.64.0.1"]),
            ("protocols", &["192.0.0.1"]),
            ("benchmarks", &["198.18.0.1"]),
            ("documents", &["192.0.2.1"]),
            ("documents-six", &["2001:db8::1"]),
            ("multicast", &["224.0.0.1"]),
            ("multicast-six", &["ff02::1"]),
            ("reserved", &["240.0.0.1"]),
            ("broadcast", &["255.255.255.255"]),
            ("mapped", &["::ffff:127.0.0.2"]),
            ("compatible", &["::127.0.0.2"]),
            ("translated", &["64:ff9b::7f00:2"]),
            ("tunnelled", &["2002:7f00:2::"]),
        ]),
    );
    named.comes_to(
        &[],
        r"
        both failed:AB0210 GET https://any.widgets.example/v1/widgets
        both failed:AB0210 GET https://any-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://loopback.widgets.example/v1/widgets
        both failed:AB0210 GET https://loopback-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://private.widgets.example/v1/widgets
        both failed:AB0210 GET https://home.widgets.example/v1/widgets
        both failed:AB0210 GET https://office.widgets.example/v1/widgets
        both failed:AB0210 GET https://unique-local.widgets.example/v1/widgets
        both failed:AB0210 GET https://link.widgets.example/v1/widgets
        both failed:AB0210 GET https://link-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://shared.widgets.example/v1/widgets
        both failed:AB0210 GET https://protocols.widgets.example/v1/widgets
        both failed:AB0210 GET https://benchmarks.widgets.example/v1/widgets
        both failed:AB0210 GET https://documents.widgets.example/v1/widgets
        both failed:AB0210 GET https://documents-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://multicast.widgets.example/v1/widgets
        both failed:AB0210 GET https://multicast-six.widgets.example/v1/widgets
        both failed:AB0210 GET https://reserved.widgets.example/v1/widgets
        both failed:AB0210 GET https://broadcast.widgets.example/v1/widgets
        both failed:AB0210 GET https://mapped.widgets.example/v1/widgets
        both failed:AB0210 GET https://compatible.widgets.example/v1/widgets
        both failed:AB0210 GET https://translated.widgets.example/v1/widgets
        both failed:AB0210 GET https://tunnelled.widgets.example/v1/widgets
        ",
    );
}

#[test]
fn d11_answers_without_end() {
    let named = Named::new("d11-answers-without-end", |asked| {
        let good = || vec![address(&asked.name, "127.0.0.1")];
        let bad = address(&asked.name, "127.0.0.2");
        let most = (65_535 - 12 - dns::wire(&asked.name).len() - 4) / bad.len();
        match (label(asked), asked.stream) {
            ("silent", _) | ("stuck", true) => Said::Silence,
            ("lies", _) => Said::WrongId(good()),
            ("another", _) => Said::OtherQuestion(good()),
            ("stuck" | "huge", false) | ("cut", _) => Said::Truncated,
            ("huge", true) if asked.kind == A => Said::Records(vec![bad; most]),
            ("many", _) => Said::Count(10_000, good().concat().repeat(10)),
            _ => Said::Records(Vec::new()),
        }
    });
    let ran = named.comes_to(
        &["--connect", "1s"],
        r"
        both failed:AB0601 GET https://silent.widgets.example/v1/widgets
        both failed:AB0601 GET https://lies.widgets.example/v1/widgets
        both failed:AB0601 GET https://another.widgets.example/v1/widgets
        both failed:AB0601 GET https://cut.widgets.example/v1/widgets
        both failed:AB0601 GET https://stuck.widgets.example/v1/widgets
        both failed:AB0210 GET https://huge.widgets.example/v1/widgets
        both failed:AB0601 GET https://many.widgets.example/v1/widgets
        both failed:AB0601 GET https://none.widgets.example/v1/widgets
        ",
    );
    assert!(
        ran.outcome.elapsed < Duration::from_secs(40),
        "{:?}",
        ran.outcome.elapsed
    );
    assert!(named.dns.asked().iter().any(|asked| asked.stream));
    assert!(
        ran.outcome.peak < 128 << 20,
        "{} MiB",
        ran.outcome.peak >> 20
    );
}

#[test]
fn d13_the_other_family() {
    let named = Named::on(
        "d13-the-other-family",
        "localhost",
        api::json(200, "{}"),
        by_label(&[("localhost", &["::1", "127.0.0.1"]), ("six", &["::1"])]),
    );
    named.comes_to(
        &[],
        r"
        both sent GET https://localhost/v1/widgets
        both failed:AB0210 GET https://six.widgets.example/v1/widgets
        both AB0201 GET https://[::1]/v1/widgets
        ",
    );
}

#[test]
fn d14_addresses_added_later() {
    // From the second time on there is one more, and from the fifth on only that one.
    let named = Named::new("d14-addresses-added-later", |asked| {
        match (asked.kind, asked.before) {
            (A, 0..4) => leads_to(asked, &["127.0.0.1"]),
            (AAAA, 1..) => leads_to(asked, &["::1"]),
            _ => Said::Records(Vec::new()),
        }
    });
    named.comes_to(
        &[],
        r"
        both sent GET https://growing.widgets.example/v1/widgets
        both sent GET https://growing.widgets.example/v1/widgets
        both failed:AB0210 GET https://growing.widgets.example/v1/widgets
        ",
    );
    assert_eq!(named.lookups(), 6);
}

#[test]
fn d15_records_of_services() {
    let named = Named::new("d15-records-of-services", |asked| {
        // Another host, at another port, and where that is.
        let data = [
            &[0, 1][..],
            &dns::wire("b.widgets.example."),
            &[0, 3, 0, 2, 0, 80],
            &[0, 4, 0, 4, 127, 0, 0, 2],
        ];
        let service = record(&asked.name, HTTPS, &data.concat());
        Said::Records(match asked.kind {
            A => vec![
                service,
                address("b.widgets.example.", "127.0.0.2"),
                address(&asked.name, "127.0.0.1"),
            ],
            _ => vec![service],
        })
    });
    named.comes_to(
        &[],
        r"
        both sent GET https://served.widgets.example/v1/widgets
        ",
    );
    let own = "served.widgets.example.".to_owned();
    assert_eq!(named.asked(), BTreeSet::from([own]));
}
