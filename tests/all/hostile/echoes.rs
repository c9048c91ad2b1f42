//! Upstreams that send the key back, and programs that wait for it.
//!
//! `echoes` above this folder has the ways in which a reply can be cut; here a program reads all it
//! can, in pieces smaller than a key, and carries on what it has got.

use std::time::Duration;

use super::{Attack, text, unusable};
use crate::support::api::{self, LAST_CHUNK, Seen, Step};
use crate::support::canary::Canary;

/// Which doors an attack goes through.
pub(super) const BOTH: [&str; 2] = ["http", "invoke"];

/// Lets the attack `name` ask an upstream that does what `reply` says, at each of `doors`, and
/// checks that the run is stopped: the key is found `how`, and the program gets nothing from there
/// on, `after` included, and makes no other call.
#[track_caller]
pub(super) fn check(
    name: &str,
    doors: &[&str],
    key: &Canary,
    how: &str,
    reply: impl Fn(&Seen, &Canary) -> Vec<Step> + Clone + Send + Sync + 'static,
) {
    for door in doors {
        let attack = Attack::on(name, key.clone(), reply.clone());
        let ran = attack.run_with(&[], &[door], 121);
        ran.outcome.says("error[AB0607]");
        let out = ran.outcome.out();
        assert!(!out.contains("after"), "{out}");
        assert_eq!(attack.api.requests().len(), 1, "it makes no other call");
        attack.ground.event("intent");
        let outcome = attack.ground.event("outcome");
        assert_eq!(outcome["code"], "AB0607");
        let expected = format!("the key of credential `widgets` ({how}");
        let note = text(&outcome["note"]);
        assert!(note.starts_with(&expected), "no `{expected}` in `{note}`");
        assert_eq!(attack.ground.event("run-ended")["code"], "AB0607");
        assert_eq!(attack.codes(), Vec::<String>::new());
    }
}

/// The same for replies with each of `bodies`, which is found `how`; through both doors the first
/// time, and through one of them for each of the rest.
#[track_caller]
fn check_bodies(name: &str, key: &Canary, how: &str, bodies: &[Vec<u8>]) {
    for (at, body) in bodies.iter().enumerate() {
        let doors = if at == 0 {
            &BOTH[..]
        } else {
            &BOTH[at % 2..=at % 2]
        };
        let body = body.clone();
        check(
            name,
            doors,
            key,
            &format!("{how}) in its body, "),
            move |_, _| vec![Step::Send(api::reply(200, &[], &body))],
        );
    }
}

/// `form`, in the middle of something.
fn amid(form: &[u8]) -> Vec<u8> {
    [b"{\"before\":\"", form, b"\",\"after\":1}"].concat()
}

/// The forms of `key` with these names, each in the middle of something.
fn forms(key: &Canary, names: &[&str]) -> Vec<Vec<u8>> {
    let form = |name: &&str| key.form(name).expect("there is such a form");
    names.iter().map(|name| amid(&form(name))).collect()
}

/// A key of characters that have to be escaped nearly everywhere.
fn awkward() -> Canary {
    let random = Canary::fresh();
    Canary::of(&format!("k$&\\\"%+/=<>';{}", &random.text()[7..]))
}

/// `text` with each character at `which` written by `escape`.
fn escaped(
    text: &str,
    which: impl Fn(usize, char) -> bool,
    escape: impl Fn(u8) -> String,
) -> Vec<u8> {
    let mut written = String::new();
    for (at, letter) in text.chars().enumerate() {
        match u8::try_from(letter) {
            Ok(byte) if which(at, letter) => written.push_str(&escape(byte)),
            _ => written.push(letter),
        }
    }
    written.into_bytes()
}

#[test]
fn e01_plain_in_a_body() {
    let key = Canary::fresh();
    let plain = key.text().as_bytes();
    let bodies = [amid(plain), plain.to_vec(), [&b" "[..], plain].concat()];
    check_bodies("e01-plain-in-a-body", &key, "plain", &bodies);
}

#[test]
fn e02_in_headers() {
    let key = Canary::fresh();
    for (at, (name, how)) in [
        ("x-shown", "plain"),
        ("location", "plain"),
        ("x-hidden", "plain"),
    ]
    .into_iter()
    .enumerate()
    {
        let doors = if at == 0 {
            &BOTH[..]
        } else {
            &BOTH[at % 2..=at % 2]
        };
        check(
            "e02-in-headers",
            doors,
            &key,
            &format!("{how}) in its header, "),
            move |_, key| {
                let value = format!("before {} after", key.text());
                vec![Step::Send(api::reply(200, &[(name, &value)], b"after"))]
            },
        );
    }
    check(
        "e02-in-headers",
        &BOTH,
        &key,
        "plain) in its header, ",
        |_, key| {
            let name = format!("x-{}-after", key.text());
            vec![Step::Send(api::reply(200, &[(&name, "1")], b"after"))]
        },
    );
    check(
        "e02-in-headers",
        &BOTH[..1],
        &key,
        "hex) in its header, ",
        |_, key| {
            let hex = key.form("hex").expect("there is such a form");
            let name = format!("x-{}", String::from_utf8_lossy(&hex));
            vec![Step::Send(api::reply(200, &[(&name, "1")], b"after"))]
        },
    );
}

#[test]
fn e02_in_trailers() {
    let attack = Attack::on("e02-in-trailers", Canary::fresh(), |seen, key| {
        let body = [api::chunked(200), api::chunk(b"{}")].concat();
        let trailers = format!("0\r\nx-shown: {0}\r\netag: {0}\r\n\r\n", key.text());
        let trailers = if seen.method() == "GET" {
            trailers
        } else {
            "0\r\n\r\n".to_owned()
        };
        vec![Step::Send(body), Step::Send(trailers.into_bytes())]
    });
    let ran = attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets
        both sent POST http://127.0.0.1:8080/v1/widgets/w-1/notes
        ",
    );
    assert!(
        !ran.outcome.out().contains(" trailer "),
        "{}",
        ran.outcome.out()
    );
}

#[test]
fn e03_in_the_reason() {
    let key = Canary::fresh();
    check(
        "e03-in-the-reason",
        &BOTH,
        &key,
        "plain) in its status, ",
        |_, key| {
            let reply = format!(
                "HTTP/1.1 403 No {} after\r\ncontent-length: 5\r\n\r\nafter",
                key.text()
            );
            vec![Step::Send(reply.into_bytes())]
        },
    );
    check(
        "e03-in-the-reason",
        &BOTH[..1],
        &key,
        "base64) in its status, ",
        |_, key| {
            let form = key.form("base64-1").expect("there is such a form");
            let reply = [
                b"HTTP/1.1 200 ",
                &form[..],
                b"\r\ncontent-length: 5\r\n\r\nafter",
            ]
            .concat();
            vec![Step::Send(reply)]
        },
    );
}

#[test]
fn e04_in_headers_for_browsers() {
    let key = Canary::fresh();
    for (at, name) in [
        "set-cookie",
        "www-authenticate",
        "x-debug",
        "proxy-authenticate",
    ]
    .into_iter()
    .enumerate()
    {
        check(
            "e04-in-headers-for-browsers",
            &BOTH[at % 2..=at % 2],
            &key,
            "plain) in its header, ",
            move |_, key| {
                let value = format!("a=\"{}\"; path=/", key.text());
                vec![Step::Send(api::reply(401, &[(name, &value)], b"after"))]
            },
        );
    }
}

#[test]
fn e05_in_errors() {
    let key = Canary::fresh();
    for (at, status) in [401_u16, 403, 500, 404].into_iter().enumerate() {
        check(
            "e05-in-errors",
            &BOTH[at % 2..=at % 2],
            &key,
            "plain) in its body, ",
            move |_, key| {
                let page = format!("<p>no such key: <b>{}</b> after</p>", key.text());
                let json = format!(
                    r#"{{"error":{{"message":"no such key","key":"{}","after":1}}}}"#,
                    key.text()
                );
                let body = if status % 2 == 0 { page } else { json };
                vec![Step::Send(api::reply(status, &[], body.as_bytes()))]
            },
        );
    }
}

#[test]
fn e06_in_json_escapes() {
    let key = Canary::fresh();
    let unicode = |byte: u8| format!("\\u{byte:04x}");
    let how = "plain, json-escaped";
    let mut bodies = forms(&key, &["json", "json-upper"]);
    bodies.push(amid(&escaped(key.text(), |at, _| at % 3 == 0, unicode)));
    bodies.push(amid(&escaped(
        key.text(),
        |at, _| at == 20,
        |byte| format!("\\x{byte:02X}"),
    )));
    check_bodies("e06-in-json-escapes", &key, how, &bodies);
    let twice = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .replace('\\', "\\\\")
            .into_bytes()
    };
    let inside = amid(&twice(&key.form("json").expect("there is such a form")));
    check_bodies(
        "e06-in-json-escapes",
        &key,
        "plain, json-escaped twice",
        &[inside],
    );
    let key = awkward();
    let quoted = serde_json::Value::from(key.text()).to_string();
    let slashes = quoted.replace('/', "\\/");
    let inside = serde_json::Value::from(quoted.as_str()).to_string();
    check_bodies(
        "e06-in-json-escapes",
        &key,
        how,
        &[amid(slashes.as_bytes())],
    );
    check_bodies(
        "e06-in-json-escapes",
        &key,
        "plain, json-escaped twice",
        &[amid(inside.as_bytes())],
    );
}

#[test]
fn e07_in_percent_escapes() {
    let key = Canary::fresh();
    let how = "plain, percent-encoded";
    let names = ["percent", "percent-lower", "percent-mixed"];
    check_bodies("e07-in-percent-escapes", &key, how, &forms(&key, &names));
    let key = awkward();
    let needed = |_: usize, letter: char| !letter.is_ascii_alphanumeric();
    let minimal = escaped(key.text(), needed, |byte| format!("%{byte:02X}"));
    let again = String::from_utf8_lossy(&minimal).replace('%', "%25");
    check_bodies("e07-in-percent-escapes", &key, how, &[amid(&minimal)]);
    let how = "plain, percent-encoded twice";
    check_bodies(
        "e07-in-percent-escapes",
        &key,
        how,
        &[amid(again.as_bytes())],
    );
}

#[test]
fn e11_in_hexadecimal() {
    let key = Canary::fresh();
    let mut bodies = forms(&key, &["hex", "hex-upper"]);
    let hex = key.form("hex").expect("there is such a form");
    let mixed = hex.iter().enumerate().map(|(at, byte)| {
        if at % 3 == 0 {
            byte.to_ascii_uppercase()
        } else {
            *byte
        }
    });
    bodies.push(amid(&mixed.collect::<Vec<_>>()));
    bodies.push(amid(&[b"0x", &hex[..]].concat()));
    check_bodies("e11-in-hexadecimal", &key, "hex", &bodies);
}

#[test]
fn e12_in_base64() {
    let key = Canary::fresh();
    let names = [
        "base64-0",
        "base64-1",
        "base64-2",
        "base64url-0",
        "base64url-1",
        "base64url-2",
    ];
    check_bodies("e12-in-base64", &key, "base64", &forms(&key, &names));
    let key = awkward();
    let names = ["base64-1", "base64url-2"];
    check_bodies("e12-in-base64", &key, "base64", &forms(&key, &names));
}

#[test]
fn e27_behind_decoys() {
    let key = Canary::fresh();
    let text = key.text();
    // Beginnings that share no window of the key's random part with it.
    let half = &text[..18];
    let bodies = [
        format!("{half} {half} {text} after"),
        format!("{half}{half}{text}"),
        format!("canary_{}{text} after", "c".repeat(40)),
        format!("{text}{text}{text} after").repeat(300),
        text.to_owned(),
        format!("{}{text}", "x".repeat(70_000)),
    ];
    let bodies = bodies.map(String::into_bytes);
    check_bodies("e27-behind-decoys", &key, "plain", &bodies);
}

#[test]
fn e29_of_several_lines() {
    let random = Canary::fresh();
    let body = &random.text()[7..];
    let key = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    for key in [key.replace('\n', "\r\n"), key] {
        let attack = Attack::on("e29-of-several-lines", Canary::of(&key), |_, _| Vec::new());
        unusable(&attack, "AB0402");
    }
}

#[test]
fn e32_in_drops() {
    let key = Canary::fresh();
    let drip = |drops: Vec<Vec<u8>>| {
        let mut steps = vec![Step::Send(api::chunked(200))];
        for drop in drops {
            steps.push(Step::Send(api::chunk(&drop)));
            steps.push(Step::Wait(Duration::from_millis(1)));
        }
        steps.push(Step::Send(api::chunk(b" after")));
        steps.push(Step::Send(LAST_CHUNK.to_vec()));
        steps
    };
    let how = "plain) in its body, ";
    check("e32-in-drops", &BOTH, &key, how, move |_, key| {
        let events = (0..20).map(|at| format!("event: tick\ndata: {at}\n\n").into_bytes());
        let last = format!("data: {}", key.text());
        drip(events.chain(last.bytes().map(|byte| vec![byte])).collect())
    });
    let attack = Attack::on("e32-in-drops", key.clone(), move |_, key| {
        let lines = [
            &b"{\"at\":1}\n"[..],
            b"{\"key\":\"",
            key.text().as_bytes(),
            b"\"}\n",
        ];
        drip(lines.map(<[u8]>::to_vec).to_vec())
    });
    attack.run_with(&[], &["http"], 121);
}

#[test]
fn e38_of_a_short_key() {
    for key in ["S3cr3t!", "pa55", "7"] {
        let mut attack = Attack::new("e38-of-a-short-key");
        attack.ground = attack.ground.env("WIDGETS_KEY", key);
        let ran = unusable(&attack, "AB0405");
        assert!(key.len() == 1 || !ran.outcome.err().contains(key));
    }
}

#[test]
fn e40_of_the_whole_request() {
    let key = Canary::fresh();
    check(
        "e40-of-the-whole-request",
        &BOTH,
        &key,
        "plain) in its body, ",
        |seen, _| {
            vec![Step::Send(api::reply(
                200,
                &[],
                &[&seen.raw[..], b" after"].concat(),
            ))]
        },
    );
    check(
        "e40-of-the-whole-request",
        &BOTH[..1],
        &key,
        "plain) in its body, ",
        |seen, _| {
            let headers = serde_json::json!({ "headers": seen.headers, "after": 1 });
            vec![Step::Send(api::json(200, &headers.to_string()))]
        },
    );
}
