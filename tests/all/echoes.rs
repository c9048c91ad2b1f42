//! An upstream that sends the key back: the guest gets none of it, and the run stops.
//!
//! Every run is searched for every form of the key by `Ground`, which shares no code with the
//! search that is tested here.

use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{self, Api, LAST_CHUNK, Step};
use crate::support::caller::{Caller, Terms};
use crate::support::canary::{Canary, base64};

/// A key, and a caller that sends it to an upstream of the test's own making.
struct Echoing {
    api: Api,
    caller: Caller,
}

impl Echoing {
    fn new(place: &str, key: Canary, reply: impl Fn(&str) -> Vec<Step>) -> Self {
        let steps = reply(key.text());
        let api = Api::start(move |_| steps.clone());
        let origin = api.url();
        let terms = Terms {
            place,
            // What a header would show, if the search did not stop it first.
            rest: "reply-headers = [\"x-shown\"]",
            ..Terms::at(&origin)
        };
        let ground = Ground::new().key("API_KEY", &key);
        let caller = Caller::in_ground(ground, key, &terms);
        Self { api, caller }
    }

    /// Runs two calls, of which the first is answered with the key, and checks that the run stops
    /// there and that the record tells all but the key: `what` was found `place`.
    #[track_caller]
    fn check(&self, what: &str, place: &str) -> Outcome {
        let url = format!("{}/v1/things", self.api.url());
        let words = ["each", "GET", &url, "--", "GET", &url];
        let outcome = self.caller.run(&words);
        outcome.exits(121).says("error[AB0607]");
        assert_eq!(
            self.api.requests().len(),
            1,
            "a run that is stopped makes no calls"
        );
        let recorded = self.caller.event("outcome");
        assert_eq!(recorded["code"], "AB0607");
        let note = recorded["note"].as_str().unwrap_or_default();
        let expected = format!("`api` ({what}) in its {place}, ending at byte ");
        assert!(note.contains(&expected), "no `{expected}` in `{note}`");
        let ended = self.caller.event("run-ended");
        assert_eq!(
            (&ended["exit"], &ended["code"]),
            (&121.into(), &"AB0607".into())
        );
        outcome
    }
}

/// Checks that a key in `form` of [`Canary::forms`] is found in a body, and that what it is called
/// there is `what`.
#[track_caller]
fn check_form(form: &str, what: &str) {
    let key = Canary::fresh();
    let bytes = key.form(form).expect("there is such a form");
    let body = [b"{\"you\":\"said ", &bytes[..], b"\", \"after\":\"it\"}"].concat();
    let reply = api::reply(200, &[], &body);
    let echoing = Echoing::new("\"bearer\"", key, |_| vec![Step::Send(reply.clone())]);
    let outcome = echoing.check(what, "body");
    assert!(!outcome.out().contains("after"), "{}", outcome.out());
}

#[test]
fn e01_a_key_as_it_is() {
    check_form("raw", "plain");
}

#[test]
fn e06_a_key_in_json_escapes() {
    check_form("json", "plain, json-escaped");
    check_form("json-upper", "plain, json-escaped");
}

#[test]
fn e07_a_key_in_percent_escapes() {
    check_form("percent", "plain, percent-encoded");
    check_form("percent-mixed", "plain, percent-encoded");
}

#[test]
fn e11_a_key_in_hex() {
    check_form("hex", "hex");
    check_form("hex-upper", "hex");
}

#[test]
fn e12_a_key_in_base64_at_each_alignment() {
    for form in ["base64-0", "base64-1", "base64-2"] {
        check_form(form, "base64");
    }
    check_form("base64url-1", "base64");
}

#[test]
fn e21_a_key_in_base64_in_percent_escapes() {
    check_form("percent-base64", "base64, percent-encoded");
}

#[test]
fn a_basic_credential_is_found_as_it_was_sent() {
    let key = Canary::fresh();
    let echoing = Echoing::new("{ basic = \"agent\" }", key, |key| {
        let pair = base64(format!("agent:{key}").as_bytes(), b"+/", true);
        vec![Step::Send(api::reply(
            200,
            &[],
            &[b"Basic ", &pair[..]].concat(),
        ))]
    });
    echoing.check("base64", "body");
}

#[test]
fn a_key_with_characters_that_are_escaped_is_found_in_their_escapes() {
    let key = Canary::of(r#"k$&\"%+/=<>';canary~quoted"#);
    let echoing = Echoing::new("\"bearer\"", key, |key| {
        let body = serde_json::json!({ "you": key }).to_string();
        vec![Step::Send(api::reply(200, &[], body.as_bytes()))]
    });
    echoing.check("plain, json-escaped", "body");
}

#[test]
fn e05_a_key_in_the_body_of_an_error() {
    let echoing = Echoing::new("\"bearer\"", Canary::fresh(), |key| {
        let body = format!(r#"{{"error":"no such token","token":"{key}"}}"#);
        vec![Step::Send(api::json(401, &body))]
    });
    echoing.check("plain", "body");
    assert_eq!(echoing.caller.event("outcome")["status"], 401);
}

#[test]
fn e02_a_key_in_a_header_whether_or_not_the_guest_would_see_it() {
    for name in [
        "x-shown",
        "x-hidden",
        "set-cookie",
        "www-authenticate",
        "location",
    ] {
        let echoing = Echoing::new("\"bearer\"", Canary::fresh(), |key| {
            let value = format!("a={key}; path=/");
            vec![Step::Send(api::reply(200, &[(name, &value)], b"{}"))]
        });
        let outcome = echoing.check("plain", "header");
        assert!(
            !outcome.out().contains("status"),
            "{name}: {}",
            outcome.out()
        );
    }
}

#[test]
fn e02_a_key_in_the_name_of_a_header() {
    let echoing = Echoing::new("\"bearer\"", Canary::fresh(), |key| {
        vec![Step::Send(api::reply(
            200,
            &[(&format!("x-{key}"), "1")],
            b"{}",
        ))]
    });
    echoing.check("plain", "header");
}

#[test]
fn e03_a_key_in_the_status() {
    let echoing = Echoing::new("\"bearer\"", Canary::fresh(), |key| {
        let reply = format!("HTTP/1.1 403 No {key}\r\ncontent-length: 0\r\n\r\n");
        vec![Step::Send(reply.into_bytes())]
    });
    echoing.check("plain", "status");
}

/// A reply of which the key is sent in pieces, cut at `cuts`, each a chunk and a packet of its own.
fn in_pieces(text: &[u8], cuts: &[usize]) -> Vec<Step> {
    let mut steps = vec![
        Step::Send(api::chunked(200)),
        Step::Send(api::chunk(b"before\n")),
    ];
    let mut from = 0;
    for to in cuts.iter().copied().chain([text.len()]) {
        steps.push(Step::Send(api::chunk(&text[from..to])));
        steps.push(Step::Wait(std::time::Duration::from_millis(2)));
        from = to;
    }
    steps.extend([
        Step::Send(api::chunk(b" after")),
        Step::Send(LAST_CHUNK.to_vec()),
    ]);
    steps
}

/// Checks that a key in `form`, cut at `cuts`, is found.
#[track_caller]
fn check_cut(form: &str, what: &str, cuts: impl Fn(usize) -> Vec<usize>) {
    let key = Canary::fresh();
    let text = key.form(form).expect("there is such a form");
    let cuts = cuts(text.len());
    let steps = in_pieces(&text, &cuts);
    let echoing = Echoing::new("\"bearer\"", key, |_| steps.clone());
    let outcome = echoing.check(what, "body");
    assert!(
        !outcome.out().contains("after"),
        "{form}, {cuts:?}: {}",
        outcome.out()
    );
}

#[test]
fn a_key_cut_in_two_anywhere_is_found() {
    check_cut("raw", "plain", |_| vec![1]);
    check_cut("raw", "plain", |length| vec![length / 2]);
    check_cut("raw", "plain", |length| vec![length - 1]);
}

#[test]
fn a_key_in_pieces_of_one_byte_is_found() {
    check_cut("raw", "plain", |length| (1..length).collect());
    check_cut("json", "plain, json-escaped", |length| {
        (1..length).collect()
    });
    check_cut("base64-1", "base64", |length| (1..length).collect());
}

#[test]
fn what_comes_before_a_key_is_released_and_nothing_from_it_on() {
    let steps = |key: &str| in_pieces(key.as_bytes(), &[20]);
    let echoing = Echoing::new("\"bearer\"", Canary::fresh(), steps);
    let outcome = echoing.check("plain", "body");
    // How far the guest gets before it is stopped is chance; its next call is refused.
    let out = outcome.out();
    let whole = "status: 200\n\nbefore\nerror: reply body: HTTP request denied\n\
                 error: ErrorCode::HttpRequestDenied\n";
    assert!(whole.starts_with(&out), "{out:?}");
}

#[test]
fn e27_a_half_before_the_whole_does_not_hide_it() {
    let echoing = Echoing::new("\"bearer\"", Canary::fresh(), |key| {
        let body = format!("{} {}{key}", &key[..30], &key[..12]);
        vec![Step::Send(api::reply(200, &[], body.as_bytes()))]
    });
    echoing.check("plain", "body");
}

#[test]
fn a_key_of_another_grant_is_found_as_well() {
    let (one, two) = (Canary::fresh(), Canary::fresh());
    let echo = one.text().to_owned();
    let first = Api::always(api::json(200, "{}"));
    let second = Api::always(api::reply(200, &[], echo.as_bytes()));
    let origin = first.url();
    let rest = format!(
        "[credentials.other]\nfrom = \"env://OTHER_KEY\"\nas = \"bearer\"\norigin = \"{0}\"\n\
         [http.other]\nuse = \"other\"\nallow = [\"GET /v2\"]\n",
        second.url()
    );
    let terms = Terms {
        rest: &rest,
        ..Terms::at(&origin)
    };
    let ground = Ground::new().key("API_KEY", &one).key("OTHER_KEY", &two);
    let caller = Caller::in_ground(ground, one, &terms);
    let (a, b) = (
        format!("{origin}/v1/things"),
        format!("{}/v2", second.url()),
    );
    // Whether or not a call has used that other key before.
    for words in [
        &["each", "GET", &a, "--", "GET", &b][..],
        &["each", "GET", &b],
    ] {
        caller.run(words).exits(121).says("credential `api`");
    }
    // Each upstream was sent its own key.
    two.assert_absent("the first upstream", &first.bytes());
    caller
        .key
        .assert_absent("the second upstream", &second.bytes());
}

#[test]
fn half_of_a_key_is_no_echo() {
    let key = Canary::fresh();
    let half = key.text()[..key.text().len() / 2].to_owned();
    let body = format!("{{\"prefix\":\"{half}\"}}");
    let api = Api::always(api::json(200, &body));
    // Not guarded: half of the key is what is expected to come out.
    let ground = Ground::new().env("API_KEY", key.text());
    let origin = api.url();
    let caller = Caller::in_ground(ground, key, &Terms::at(&origin));
    let outcome = caller.run(&["http", "GET", &format!("{origin}/v1/things")]);
    let expected = format!("status: 200\ncontent-type: application/json\n\n{body}\n");
    assert_eq!(outcome.exits(0).out(), expected);
    assert!(!outcome.err().contains(&half) && !caller.ground.record().contains(&half));
}
