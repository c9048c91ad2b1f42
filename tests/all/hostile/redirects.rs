//! Upstreams that send a program elsewhere, and programs that go there.

use super::echoes::{BOTH, check};
use super::{API, Attack, NEIGHBOUR, port};
use crate::support::api::{self, Step};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::tls::Authority;

/// The attack `name` on an upstream that redirects with `status` to what `location` makes of the
/// port that was asked, where it does not answer to a path `/v1/widgets/STATUS` by that.
fn redirected(
    name: &str,
    status: u16,
    location: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Attack {
    Attack::on(name, Canary::fresh(), move |seen, _| {
        let host = seen.header("host").unwrap_or_default();
        let last = seen.target().split('/').nth(3).unwrap_or_default();
        let status = last.parse().unwrap_or(status);
        let location = location(port(host));
        vec![Step::Send(api::reply(
            status,
            &[("location", &location)],
            b"moved",
        ))]
    })
}

fn elsewhere(port: &str) -> String {
    format!("http://127.0.0.2:{port}/v1/widgets")
}

#[test]
fn r01_to_another_host() {
    let attack = redirected("r01-to-another-host", 302, elsewhere);
    let ran = attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets/301
        both sent GET http://127.0.0.1:8080/v1/widgets/302
        both sent GET http://127.0.0.1:8080/v1/widgets/303
        both sent GET http://127.0.0.1:8080/v1/widgets/307
        both sent GET http://127.0.0.1:8080/v1/widgets/308
        both AB0201 GET http://127.0.0.2:8080/v1/widgets
        ",
    );
    let shown = format!(
        " header location: {}",
        elsewhere(port(&attack.api.authority()))
    );
    assert_eq!(
        ran.outcome
            .out()
            .lines()
            .filter(|line| *line == shown)
            .count(),
        5
    );
}

#[test]
fn r02_with_a_body() {
    redirected("r02-with-a-body", 307, elsewhere).comes_to(
        r"
        both sent POST http://127.0.0.1:8080/v1/widgets/307/notes
        both sent POST http://127.0.0.1:8080/v1/widgets/308/notes
        both AB0201 POST http://127.0.0.2:8080/v1/widgets/w-1/notes
        ",
    );
}

#[test]
fn r03_to_plain_http() {
    let name = "r03-to-plain-http";
    let attack = Attack::new(name);
    let ca = Authority::new();
    let location = format!("http://{}/v1/widgets", attack.api.authority());
    let reply = api::reply(302, &[("location", &location)], b"");
    let server = ca.serve("localhost", true, reply);
    let authority = format!("localhost:{}", server.port());
    let policy = guests::policy(
        &format!("hostile/{name}"),
        &[("localhost:8080", &authority)],
    );
    attack.ground.write("agentbox.toml", &policy);
    attack.ground.write("ca.pem", ca.pem());
    attack.comes_to_with(
        &["--ca", "ca.pem"],
        &[&authority],
        r"
        both sent GET https://localhost/v1/widgets
        both AB0201 GET http://localhost/v1/widgets
        both AB0201 GET http://127.0.0.1:8080/v1/widgets
        ",
    );
    assert_eq!(server.requests().len(), 2, "one by each door");
}

#[test]
fn r04_to_metadata() {
    redirected("r04-to-metadata", 302, |_| {
        "http://169.254.169.254/latest/meta-data/".to_owned()
    })
    .comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://169.254.169.254/latest/meta-data/
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://[fd00:ec2::254]/latest/meta-data/
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://192.0.0.192/latest/meta-data/
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://169.254.170.2/latest/meta-data/
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://100.100.100.200/latest/meta-data/
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://metadata.google.internal/latest/meta-data/
        ",
    );
}

#[test]
fn r05_to_another_port() {
    redirected("r05-to-another-port", 302, |_| {
        format!("http://{NEIGHBOUR}/v1/widgets")
    })
    .comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0201 GET http://127.0.0.1:8081/v1/widgets
        ",
    );
}

#[test]
fn r06_without_end() {
    let attack = Attack::on("r06-without-end", Canary::fresh(), |seen, _| {
        let location = match seen.target() {
            "/v1/widgets/huge" => "a".repeat(10 << 20),
            round => round.to_owned(),
        };
        vec![Step::Send(api::reply(302, &[("location", &location)], b""))]
    });
    attack.comes_to(
        r"
        both failed:AB0605 GET http://127.0.0.1:8080/v1/widgets/huge
        both sent GET http://127.0.0.1:8080/v1/widgets/round
        both sent/AB0504 GET http://127.0.0.1:8080/v1/widgets/round
        both AB0504 GET http://127.0.0.1:8080/v1/widgets/round
        both AB0504 GET http://127.0.0.1:8080/v1/widgets/round
        ",
    );
}

#[test]
fn r07_to_another_method() {
    redirected("r07-to-another-method", 303, |port| {
        format!("http://127.0.0.1:{port}/v1/widgets/w-1/notes")
    })
    .comes_to(
        r"
        both sent POST http://127.0.0.1:8080/v1/widgets/w-1/notes
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/w-1/notes
        ",
    );
}

#[test]
fn r08_with_the_key() {
    let key = Canary::fresh();
    check(
        "r08-with-the-key",
        &BOTH,
        &key,
        "plain) in its header, ",
        |_, key| {
            let location = format!("/v1/widgets?key={}", key.text());
            vec![Step::Send(api::reply(
                302,
                &[("location", &location)],
                b"after",
            ))]
        },
    );
}

#[test]
fn r09_in_other_spellings() {
    redirected("r09-in-other-spellings", 302, |port| {
        format!("http://127.0.0.1@127.0.0.2:{port}/")
    })
    .comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets/w-1
        both AB0204 GET http://127.0.0.1:8080@127.0.0.2:8080/
        invoke AB0213 GET \\\\127.0.0.2:8080\\
        invoke AB0213 GET //127.0.0.2:8080/v1/widgets
        both AB0204 GET http://127.0.0.1:8080/..//127.0.0.2:8080/
        invoke AB0213 GET http:127.0.0.2:8080
        both AB0204/AB0213 GET ..//
        ",
    );
}

#[test]
fn r10_by_other_headers() {
    let attack = Attack::on("r10-by-other-headers", Canary::fresh(), |seen, _| {
        let host = seen.header("host").unwrap_or_default();
        let elsewhere = elsewhere(port(host));
        let refresh = format!("0; url={elsewhere}");
        let service = format!("h3=\"127.0.0.2:{0}\", h2=\"127.0.0.2:{0}\"", port(host));
        let link = format!("<{elsewhere}>; rel=preload");
        let headers = [
            ("refresh", refresh.as_str()),
            ("alt-svc", &service),
            ("link", &link),
            ("content-location", &elsewhere),
            ("strict-transport-security", "max-age=31536000"),
            ("proxy-authenticate", "Basic"),
        ];
        vec![Step::Send(api::reply(200, &headers, b""))]
    });
    let ran = attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets
        both sent GET http://127.0.0.1:8080/v1/widgets
        ",
    );
    // A link is the program's to see, as a location is.
    let headers: Vec<_> = ran
        .outcome
        .out()
        .lines()
        .filter(|line| line.starts_with(" header "))
        .map(str::to_owned)
        .collect();
    assert!(
        headers
            .iter()
            .all(|line| line.starts_with(" header link: ")),
        "{headers:?}"
    );
    assert_eq!(headers.len(), 2);
}

#[test]
fn r12_to_nowhere() {
    let attack = Attack::on("r12-to-nowhere", Canary::fresh(), |seen, _| {
        let last = seen.target().split('/').nth(3).unwrap_or_default();
        let status = last.parse().unwrap_or(500);
        let location = format!("http://{API}/v1/widgets");
        // Only the one that names a proxy says where; the last is a redirect that does not.
        let headers = [("location", location.as_str())];
        let headers = if status == 305 { &headers[..] } else { &[] };
        vec![Step::Send(api::reply(status, headers, b""))]
    });
    let ran = attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets/300
        both sent GET http://127.0.0.1:8080/v1/widgets/304
        both sent GET http://127.0.0.1:8080/v1/widgets/305
        both sent GET http://127.0.0.1:8080/v1/widgets/306
        both sent GET http://127.0.0.1:8080/v1/widgets/301
        ",
    );
    for status in [300, 304, 305, 306, 301] {
        let line = format!(" status {status}\n");
        assert!(ran.outcome.out().contains(&line), "{}", ran.outcome.out());
    }
}
