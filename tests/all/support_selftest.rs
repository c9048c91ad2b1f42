//! The ground the other tests stand on holds: each piece of `support` does what it says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use serde_json::json;

use crate::support::agentbox::{Ground, finish};
use crate::support::api::{self, Api, LAST_CHUNK, Step};
use crate::support::canary::{Canary, base64};
use crate::support::decoy::Decoy;
use crate::support::github::GitHub;
use crate::support::guests;
use crate::support::http;
use crate::support::openbao::{self, OpenBao};
use crate::support::python;
use crate::support::synapse::Synapse;
use crate::support::widgets::{self, KeyIn};

#[test]
fn synapse_knows_its_token_and_refuses_another() {
    let synapse = Synapse::shared();
    let whoami = synapse.ask("GET", "/_matrix/client/v3/account/whoami", None);
    assert_eq!(whoami.json()["user_id"], synapse.user());
    let rooms = synapse
        .ask("GET", "/_matrix/client/v3/joined_rooms", None)
        .json();
    for room in synapse.rooms() {
        let rooms = rooms["joined_rooms"]
            .as_array()
            .expect("it lists the rooms");
        assert!(
            rooms.iter().any(|joined| joined == room),
            "{room} in {rooms:?}"
        );
    }
    // Other tests write to the first.
    assert_eq!(synapse.messages(&synapse.rooms()[1]), Vec::<String>::new());
    let authority = synapse.url().replace("http://", "");
    let other = [("authorization", "Bearer syt_not_a_token")];
    let refused = http::request(
        &authority,
        "GET",
        "/_matrix/client/v3/joined_rooms",
        &other,
        None,
    )
    .expect("Synapse answers");
    assert_eq!(
        (refused.status, &refused.json()["errcode"]),
        (401, &json!("M_UNKNOWN_TOKEN"))
    );
    assert!(synapse.token().text().len() > 20);
}

#[test]
fn openbao_gives_its_secret_to_its_token_alone() {
    let bao = OpenBao::shared();
    let read = bao
        .ask("GET", &format!("/v1/{}", openbao::SECRET), None)
        .json();
    assert_eq!(read["data"]["data"]["note"], bao.value());
    let authority = bao.url().replace("http://", "");
    let target = format!("/v1/{}", openbao::SECRET);
    let refused = http::request(&authority, "GET", &target, &[], None).expect("OpenBao answers");
    assert_eq!(refused.status, 403);
    assert!(bao.token().text().starts_with("canary_"));
}

#[test]
fn a_server_ends_with_its_owner() {
    let bao = OpenBao::start();
    let authority = bao.url().replace("http://", "");
    assert!(TcpStream::connect(&authority).is_ok());
    drop(bao);
    assert!(TcpStream::connect(&authority).is_err());
}

#[test]
fn every_guest_is_a_component() {
    for name in ["fetch", "files", "kv", "probe", "rooms", "run-export"] {
        let bytes = std::fs::read(guests::guest(name)).expect("the guest is built");
        // The layer after the version tells a component from a core module.
        assert_eq!(bytes[..8], *b"\0asm\x0d\0\x01\0", "{name}");
    }
}

#[test]
fn the_c_guest_is_a_core_module() {
    let bytes = std::fs::read(guests::c_hello()).expect("the guest is built");
    assert_eq!(bytes[..8], *b"\0asm\x01\0\0\0");
    assert!(http::find(&bytes, b"wasi_snapshot_preview1").is_some());
    let text = std::fs::read_to_string(guests::wat_hello()).expect("the guest is checked in");
    assert!(text.contains("wasi_snapshot_preview1"));
}

#[test]
fn every_example_policy_can_be_pointed_at_a_test_server() {
    for (name, address) in [
        ("fetch", "http://127.0.0.1:8080"),
        ("rooms", "http://127.0.0.1:8008"),
        ("kv", "http://127.0.0.1:8200"),
    ] {
        let text = guests::policy(name, &[(address, "http://127.0.0.1:1")]);
        let policy: toml::Table = text.parse().expect("it is TOML");
        let credentials = policy["credentials"]
            .as_table()
            .expect("it has credentials");
        for (_, credential) in credentials {
            assert_eq!(
                credential["origin"].as_str(),
                Some("http://127.0.0.1:1"),
                "{name}"
            );
        }
    }
    let files: toml::Table = guests::policy("files", &[]).parse().expect("it is TOML");
    assert_eq!(files["policy"].as_integer(), Some(1));
}

#[test]
fn a_virtual_environment_is_made_once() {
    let made = || {
        let venv = python::venv("openbao");
        let metadata = std::fs::metadata(venv.join("pyvenv.cfg")).expect("it is there");
        (
            venv,
            metadata.modified().expect("the file system keeps times"),
        )
    };
    assert_eq!(made(), made());
}

#[test]
fn the_api_keeps_every_byte_of_a_request() {
    let api = Api::always(api::json(200, r#"{"ok":true}"#));
    let headers = [("X-Case", "Kept")];
    let body = json!({ "a": 1 });
    let reply = http::request(&api.authority(), "POST", "/p?q=1", &headers, Some(&body));
    let reply = reply.expect("the api answers");
    assert_eq!((reply.status, reply.json()), (200, json!({ "ok": true })));

    let [seen] = &api.requests()[..] else {
        panic!("one request: {:?}", api.requests())
    };
    assert_eq!((seen.method(), seen.target()), ("POST", "/p?q=1"));
    assert_eq!(seen.header("x-case"), Some("Kept"));
    assert_eq!(seen.header("absent"), None);
    assert_eq!(seen.body, br#"{"a":1}"#);
    assert!(seen.raw.starts_with(b"POST /p?q=1 HTTP/1.1\r\nhost: "));
    assert!(http::find(&api.bytes(), b"X-Case: Kept\r\n").is_some());
    assert_eq!(api.url(), format!("http://{}", api.authority()));
}

#[test]
fn the_api_answers_by_its_script() {
    let api = Api::start(|request| match request.target() {
        "/chunks" => vec![
            Step::Send(api::chunked(200)),
            Step::Send(api::chunk(b"one ")),
            Step::Wait(Duration::from_millis(20)),
            Step::Send(api::chunk(b"two")),
            Step::Send(LAST_CHUNK.to_vec()),
        ],
        "/garbage" => vec![Step::Send(b"no http at all\r\n\r\n".to_vec())],
        "/endless" => vec![
            Step::Send(api::chunked(200)),
            Step::Repeat(api::chunk(&[b'e'; 4096])),
        ],
        "/silent" => vec![Step::Hang],
        _ => vec![Step::Close],
    });
    let ask = |target: &str| http::request(&api.authority(), "GET", target, &[], None);
    assert_eq!(ask("/chunks").expect("it answers").body, b"one two");
    assert!(ask("/garbage").is_err());
    assert!(ask("/close").is_err());
    for (target, answers) in [("/endless", true), ("/silent", false)] {
        let mut stream = TcpStream::connect(api.authority()).expect("the api listens");
        stream
            .set_read_timeout(Some(Duration::from_millis(500)))
            .expect("a timeout can be set");
        std::io::Write::write_all(
            &mut stream,
            format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes(),
        )
        .expect("the api reads");
        let mut piece = [0; 1 << 16];
        let read = std::io::Read::read(&mut stream, &mut piece);
        assert_eq!(read.is_ok_and(|count| count > 0), answers, "{target}");
    }
}

#[test]
fn the_stand_in_for_github_notices_every_byte_that_is_not_in_its_script() {
    let token = Canary::fresh();
    let bearer = format!("Bearer {}", token.text());
    let version = concat!("agentbox/", env!("CARGO_PKG_VERSION"));
    let right = [
        ("accept", "application/vnd.github+json"),
        ("accept-encoding", "identity"),
        ("authorization", bearer.as_str()),
        ("user-agent", version),
        ("x-github-api-version", "2022-11-28"),
    ];
    let path = "/repos/acme/widgets/issues";
    let ask = |target: &str, headers: &[(&str, &str)]| {
        let github = GitHub::start(&token, [GitHub::listed("")]);
        let mut stream = TcpStream::connect(github.url().trim_start_matches("http://"))
            .expect("the stand-in is there");
        let mut request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n", &github.url()[7..]);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream
            .write_all(format!("{request}\r\n").as_bytes())
            .expect("it reads");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("it answers");
        (reply.starts_with("HTTP/1.1 200 "), github.take_problems())
    };
    assert_eq!(ask(path, &right), (true, Vec::new()));
    let mut wrong = vec![
        ("/repos/acme/widgets/issues?page=1", right.to_vec()),
        (path, [&right[..], &[("x-more", "1")]].concat()),
        (path, [&right[..], &right[..1]].concat()),
        (path, [&right[1..], &[("accept", "*/*")]].concat()),
    ];
    for missing in 0..right.len() {
        let mut fewer = right.to_vec();
        fewer.remove(missing);
        wrong.push((path, fewer));
    }
    for (target, headers) in wrong {
        let (answered, problems) = ask(target, &headers);
        assert!(
            !answered && problems.len() == 1,
            "{headers:?}: {problems:?}"
        );
    }
    let github = GitHub::start(&token, [GitHub::listed("")]);
    assert_eq!(
        github.take_problems(),
        ["`GET /repos/acme/widgets/issues` never came"]
    );
}

#[test]
fn the_widget_service_wants_its_key_where_it_says() {
    let key = Canary::fresh();
    let text = key.text();
    let pair = base64(format!("agent:{text}").as_bytes(), b"+/", true);
    let basic = format!("Basic {}", String::from_utf8_lossy(&pair));
    let bearer = format!("Bearer {text}");
    let named = format!("/v1/widgets?key={text}");
    for (place, headers, target) in [
        (
            KeyIn::Bearer,
            vec![("authorization", bearer.as_str())],
            "/v1/widgets",
        ),
        (
            KeyIn::Basic("agent"),
            vec![("authorization", basic.as_str())],
            "/v1/widgets",
        ),
        (
            KeyIn::Header("x-api-key"),
            vec![("x-api-key", text)],
            "/v1/widgets",
        ),
        (KeyIn::Query("key"), vec![], named.as_str()),
    ] {
        let service = widgets::start(&key, place);
        let ask = |target: &str, headers: &[(&str, &str)]| {
            http::request(&service.authority(), "GET", target, headers, None)
                .expect("the service answers")
                .status
        };
        assert_eq!(ask(target, &headers), 200, "{place:?}");
        assert_eq!(ask("/v1/widgets", &[]), 401, "{place:?}");
        assert_eq!(
            ask("/v1/widgets", &[("x-api-key", "wrong")]),
            401,
            "{place:?}"
        );
    }
}

#[test]
fn the_widget_service_leaks_in_every_form_when_asked() {
    let key = Canary::fresh();
    let service = widgets::start(&key, KeyIn::Header("x-api-key"));
    let headers = [("x-api-key", key.text())];
    for (form, bytes) in key.forms() {
        let target = format!("/v1/leak/{form}");
        let reply = http::request(&service.authority(), "GET", &target, &headers, None);
        let body = reply.expect("the service answers").body;
        assert!(http::find(&body, &bytes).is_some(), "{form}");
        assert!(!key.search(&body).is_empty(), "{form}");
    }
}

#[test]
fn the_search_finds_a_key_in_every_form_and_in_no_other_text() {
    let key = Canary::fresh();
    for (form, bytes) in key.forms() {
        let hidden = [
            b"{\"text\": \"".to_vec(),
            bytes,
            b"\", \"more\": 1}".to_vec(),
        ]
        .concat();
        assert!(!key.search(&hidden).is_empty(), "{form} is not found");
        assert_eq!(
            Canary::fresh().search(&hidden),
            Vec::<String>::new(),
            "{form}"
        );
    }
    let folded: Vec<u8> = base64(format!("agent:{}", key.text()).as_bytes(), b"+/", true)
        .chunks(10)
        .flat_map(|line| [line, b"\r\n"].concat())
        .collect();
    assert!(!key.search(&folded).is_empty(), "folded base64");
    let mut zlib = ZlibEncoder::new(b"before ".to_vec(), Compression::best());
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(key.text().as_bytes())
        .expect("a vector takes all");
    deflate
        .write_all(key.text().as_bytes())
        .expect("a vector takes all");
    for (what, compressed) in [("zlib", zlib.finish()), ("deflate", deflate.finish())] {
        let compressed = compressed.expect("a vector takes all");
        assert!(!key.search(&compressed).is_empty(), "{what}");
    }
    let cut = &key.form("gzip").expect("there is such a form")[..40];
    assert!(!key.search(cut).is_empty(), "the beginning of a gzip");
    let printed = key.form("quoted-printable").expect("there is such a form");
    let printed: Vec<u8> = printed
        .chunks(30)
        .flat_map(|line| [line, b"=\r\n"].concat())
        .collect();
    assert!(!key.search(&printed).is_empty(), "folded quoted-printable");
    // Two forms, one in the other, and a window of the key rather than all of it.
    let inner = base64(&key.text().as_bytes()[20..32], b"+/", true);
    let outer: String = inner.iter().map(|byte| format!("&#{byte}")).collect();
    assert!(!key.search(outer.as_bytes()).is_empty(), "a window, twice");
    let short = &key.text().as_bytes()[key.text().len() - 11..];
    assert_eq!(
        key.search(short),
        Vec::<String>::new(),
        "eleven bytes may be chance"
    );
}

#[test]
fn the_search_finds_a_key_that_is_spelt_out_for_people() {
    let key = Canary::fresh();
    let each = |form: &dyn Fn(char) -> String| -> String { key.text().chars().map(form).collect() };
    let turned = |letter: char| {
        let letters = "abcdefghijklmnopqrstuvwxyz";
        let turned = |at: usize| letters.as_bytes()[(at + 13) % 26];
        let at = letters.find(letter.to_ascii_lowercase());
        let turned = at.map(|at| char::from(turned(at)));
        match turned {
            Some(turned) if letter.is_ascii_uppercase() => turned.to_ascii_uppercase(),
            turned => turned.unwrap_or(letter),
        }
    };
    let number = |letter: char| u32::from(letter);
    for (form, text) in [
        ("decimal", each(&|letter| format!("{}, ", number(letter)))),
        ("lines", each(&|letter| format!("{}\n", number(letter)))),
        ("0x", each(&|letter| format!("0x{:02x},", number(letter)))),
        ("0X", each(&|letter| format!("0X{:02X} ", number(letter)))),
        ("upper case", key.text().to_uppercase()),
        ("lower case", key.text().to_lowercase()),
        ("rot13", each(&|letter| turned(letter).to_string())),
        ("zero width", each(&|letter| format!("{letter}\u{200b}"))),
        (
            "colours",
            each(&|letter| format!("\x1b[1;31m{letter}\x1b[0m")),
        ),
        ("dashes", each(&|letter| format!("{letter}-"))),
        (
            "labels",
            each(&|letter| format!("{letter}.")).to_lowercase(),
        ),
    ] {
        let hidden = format!("before: [{text}] after");
        assert!(!key.search(hidden.as_bytes()).is_empty(), "{form}");
        let other = Canary::fresh().search(hidden.as_bytes());
        assert_eq!(other, Vec::<String>::new(), "{form}");
    }
}

#[test]
fn the_search_goes_through_folders() {
    let key = Canary::fresh();
    let ground = Ground::new();
    ground.write("deep/er/file", &format!("x{}", key.text()));
    let work = ground.work();
    Canary::fresh().assert_absent_below(&work, &[]);
    key.assert_absent_below(&ground.keys(), &[]);
    key.assert_absent_below(&work, &[&work.join("deep/er/file")]);
    let found = std::panic::catch_unwind(|| key.assert_absent_below(&work, &[]));
    assert!(found.is_err());
}

#[test]
fn a_ground_gives_a_run_nothing_of_the_person_who_tests() {
    let key = Canary::fresh();
    let ground = Ground::new().key("WIDGETS_KEY", &key).env("PLAIN", "1");
    let mut env: Vec<String> = ground
        .command()
        .get_envs()
        .filter_map(|(name, value)| value.map(|_| name.to_string_lossy().into_owned()))
        .collect();
    env.sort();
    assert_eq!(
        env,
        [
            "HOME",
            "PLAIN",
            "TMPDIR",
            "WIDGETS_KEY",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME"
        ]
    );
    assert!(
        ground
            .state()
            .starts_with(ground.work().parent().expect("a folder has a parent"))
    );
    assert!(!ground.cache().exists());
    assert_eq!(ground.record_lines().len(), 0);
}

#[test]
fn the_binary_runs_in_a_ground() {
    let ground = Ground::new().key("KEY", &Canary::fresh());
    ground.run(&["--version"]).exits(0);
    ground.run_with(&["--version"], b"unread").exits(0);
}

#[test]
fn a_command_is_fed_and_read_to_its_end() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "cat; echo '{\"v\":1}'; echo '{\"v\":2}' >&2; exit 7"]);
    let outcome = finish(command, b"");
    outcome.exits(7).says("\"v\"");
    assert_eq!(
        (outcome.json(), outcome.last_line()),
        (json!({ "v": 1 }), json!({ "v": 2 }))
    );
    assert!(outcome.elapsed < Duration::from_secs(10));
    let mut command = std::process::Command::new("cat");
    command.arg("-");
    assert_eq!(finish(command, b"fed").out(), "fed");
}

#[test]
fn a_run_that_lets_a_key_out_is_noticed() {
    let key = Canary::fresh();
    let ground = Ground::new().key("KEY", &key);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "printf %s \"$KEY\" | od -An -tx1 >&2"])
        .env("KEY", key.text());
    let outcome = finish(command, b"");
    let noticed = std::panic::catch_unwind(|| ground.assert_no_key(&outcome));
    assert!(noticed.is_err());
}

#[test]
fn a_run_that_leaves_a_key_in_a_file_is_noticed() {
    let key = Canary::fresh();
    let script = |script: &str| {
        let ground = Ground::new().key("KEY", &key);
        let work = ground.work();
        let run = || ground.shell(&work, script).code;
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
    };
    for file in [
        "here",
        ".other.env",
        "$TMPDIR/left",
        "$HOME/left",
        "$XDG_STATE_HOME/left",
    ] {
        let noticed = script(&format!("printf %s \"$KEY\" > \"{file}\""));
        assert!(noticed.is_err(), "{file}");
    }
    // Where keys are meant to be.
    let kept = script("printf %s \"$KEY\" > .env");
    assert_eq!(kept.expect("nothing is noticed"), Some(0));
}

#[test]
fn the_decoy_counts_who_calls() {
    let decoy = Decoy::start();
    decoy.assert_untouched();
    let mut stream = TcpStream::connect(decoy.url().replace("http://", "")).expect("it listens");
    std::io::Write::write_all(&mut stream, b"hello").expect("it reads");
    drop(stream);
    let deadline = Instant::now() + Duration::from_secs(5);
    while decoy.visits() != (1, 5) && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(decoy.visits(), (1, 5));
}
