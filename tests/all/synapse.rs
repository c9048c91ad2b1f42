//! The main job against a homeserver nobody here wrote: a Matrix client runs under a policy that
//! allows one room, with an access token it never sees.

use crate::support::agentbox::{Ground, Outcome};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::http::find;
use crate::support::relay::Relay;
use crate::support::synapse::Synapse;

/// The homeserver behind a relay, and a ground with the example's policy for its first room.
struct Matrix<'a> {
    synapse: &'a Synapse,
    relay: Relay,
    ground: Ground,
}

impl<'a> Matrix<'a> {
    /// With `token` where the policy looks for it.
    fn with(token: &Canary) -> Self {
        Self::at(Synapse::shared(), token, "rooms")
    }

    /// With the policy of the typed client instead.
    fn typed(synapse: &'a Synapse) -> Self {
        let matrix = Self::at(synapse, &synapse.token(), "matrix");
        let world = guests::sources().join("matrix/wit/world.wit");
        let world = std::fs::read_to_string(world).expect("the example has a world");
        matrix.ground.write("wit/world.wit", &world);
        matrix
    }

    fn at(synapse: &'a Synapse, token: &Canary, example: &str) -> Self {
        let relay = Relay::to(&synapse.url());
        let ground = Ground::new().key("MATRIX_TOKEN", token);
        ground.write(
            "agentbox.toml",
            &guests::policy(
                example,
                &[
                    ("http://127.0.0.1:8008", &relay.url()),
                    ("!granted:localhost", &synapse.rooms()[0]),
                ],
            ),
        );
        Self {
            synapse,
            relay,
            ground,
        }
    }

    /// Runs the guest `name` with the homeserver's URL followed by `arguments`.
    fn run(&self, name: &str, arguments: &[&str]) -> Outcome {
        let guest = guests::guest(name);
        let guest = guest.to_str().expect("the target folder's name is UTF-8");
        let fixed = ["run", "--policy", "agentbox.toml", guest];
        self.ground.run(&[&fixed[..], arguments].concat())
    }

    /// Runs the typed client, which knows no URL.
    fn herald(&self, arguments: &[&str]) -> Outcome {
        let guest = guests::guest("matrix");
        let guest = guest.to_str().expect("the target folder's name is UTF-8");
        let fixed = ["run", "--policy", "agentbox.toml", guest];
        self.ground.run(&[&fixed[..], arguments].concat())
    }

    fn rooms(&self, arguments: &[&str]) -> Outcome {
        self.run("rooms", &[&[self.relay.url().as_str()], arguments].concat())
    }

    fn events(&self, event: &str) -> Vec<serde_json::Value> {
        let lines = self.ground.record_lines().into_iter();
        lines.filter(|line| line["event"] == event).collect()
    }
}

#[test]
fn a_matrix_client_lists_rooms_and_sends_a_message_once() {
    let matrix = Matrix::with(&Synapse::shared().token());
    let [granted, other] = matrix.synapse.rooms();
    let message = Canary::fresh();
    let outcome = matrix.rooms(&[granted, message.text(), "transaction-once"]);
    outcome.exits(0);
    let out = outcome.out();
    assert!(out.contains("in 2 rooms:"), "{out}");
    assert!(out.contains(granted) && out.contains(other), "{out}");
    assert!(out.contains(&format!("to {granted}")), "{out}");

    let arrived = matrix.synapse.messages(granted);
    let times = arrived.iter().filter(|body| *body == message.text());
    assert_eq!(times.count(), 1, "{arrived:?}");
    let requests = matrix.relay.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[0].starts_with("GET /_matrix/client/v3/joined_rooms"));
    assert!(requests[1].starts_with("PUT /_matrix/client/v3/rooms/"));

    let outcomes = matrix.events("outcome");
    let statuses: Vec<_> = outcomes.iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [200, 200]);
    // What was said belongs to the room and not to the record.
    message.assert_absent("the record", matrix.ground.record().as_bytes());
}

#[test]
fn a_wrong_token_gets_the_homeservers_own_refusal() {
    let matrix = Matrix::with(&Canary::fresh());
    let outcome = matrix.rooms(&[]);
    outcome.exits(1);
    outcome
        .says("the server answers 401")
        .says("M_UNKNOWN_TOKEN");
    assert_eq!(matrix.relay.connections(), 1);
    assert_eq!(matrix.events("outcome")[0]["status"], 401);
}

#[test]
fn a_call_on_another_room_is_denied_before_a_byte_leaves() {
    let matrix = Matrix::with(&Synapse::shared().token());
    let other = &matrix.synapse.rooms()[1];
    let outcome = matrix.rooms(&[other, "not to arrive"]);
    outcome
        .exits(1)
        .says("denied[AB0202]")
        .says("HttpRequestDenied");
    // Listing the rooms is granted, and is all that was sent.
    assert_eq!(matrix.relay.connections(), 1);
    assert_eq!(
        matrix.relay.requests(),
        ["GET /_matrix/client/v3/joined_rooms"]
    );
    assert!(!matrix.relay.was_sent("not to arrive") && !matrix.relay.was_sent(other));
    assert_eq!(matrix.synapse.messages(other), Vec::<String>::new());
    let denied = matrix.events("denied");
    assert_eq!(denied.len(), 1, "{denied:?}");
    assert_eq!(denied[0]["code"], "AB0202");
    let call = denied[0]["call"].as_str().unwrap_or_default();
    assert!(call.starts_with("PUT ") && call.contains(other), "{call}");
    let audit = matrix.ground.run(&["audit", "--denied"]);
    assert!(audit.exits(0).out().contains("1 denied"), "{}", audit.out());

    // The same request alone opens no connection at all.
    let url = format!(
        "{}/_matrix/client/v3/rooms/{other}/send/m.room.message/1",
        matrix.relay.url()
    );
    let outcome = matrix.run("probe", &["http", "PUT", &url, "@{}"]);
    outcome.exits(1).says("denied[AB0202]");
    assert_eq!(matrix.relay.connections(), 1);
}

#[test]
fn after_a_call_nothing_on_this_side_holds_the_token() {
    let token = Synapse::shared().token();
    let mut matrix = Matrix::with(&token);
    matrix.ground = matrix.ground.env("AGENTBOX_LOG", "trace");
    let rooms = format!("{}/_matrix/client/v3/joined_rooms", matrix.relay.url());
    // Every run is followed by a search of output, log, state and cache for the token.
    let outcome = matrix.rooms(&[&matrix.synapse.rooms()[0], "at trace level", "traced"]);
    outcome.exits(0).says("TRACE");
    // This program prints its memory as well, whole, once it has its reply.
    let outcome = matrix.run("probe", &["memory-after", "GET", &rooms]);
    outcome.exits(0).says("TRACE");
    let marker = b"\nMEMORY\n";
    let at = find(&outcome.stdout, marker).expect("the program prints its memory");
    let memory = &outcome.stdout[at + marker.len()..];
    assert!(memory.len() > 1 << 20, "{} bytes of memory", memory.len());
    // It is this run's memory, since the reply passed through it; and it was searched, as part of
    // the output.
    assert!(find(memory, matrix.synapse.rooms()[0].as_bytes()).is_some());

    // The token did go out, and the search would have found it.
    assert!(matrix.relay.was_sent(&format!("Bearer {}", token.text())));
    let planted = [&memory[..4096], token.text().as_bytes()].concat();
    assert_eq!(token.search(&planted).first(), Some(&"raw".to_owned()));
}

#[test]
fn a_typed_client_says_who_it_is_lists_rooms_and_sends_a_message_once() {
    let matrix = Matrix::typed(Synapse::shared());
    let [granted, other] = matrix.synapse.rooms();
    let message = Canary::fresh();
    let words = [granted, message.text(), "typed-once"];
    let out = matrix.herald(&words).exits(0).out();
    let mut lines = out.lines();
    let account = format!("this is {}", matrix.synapse.user());
    assert_eq!(lines.next(), Some(account.as_str()), "{out}");
    assert_eq!(lines.next(), Some("in 2 rooms:"), "{out}");
    assert!(out.contains(granted) && out.contains(other), "{out}");
    assert!(out.contains("\nsent $"), "{out}");
    // The transaction's id makes the second time the same message.
    assert_eq!(matrix.herald(&words).exits(0).out(), out);

    let arrived = matrix.synapse.messages(granted);
    let times = arrived.iter().filter(|body| *body == message.text());
    assert_eq!(times.count(), 1, "{arrived:?}");
    let requests = matrix.relay.requests();
    assert_eq!(requests.len(), 6, "{requests:?}");
    assert!(requests[0].ends_with("/account/whoami"), "{requests:?}");
    let sent = &matrix.events("intent")[2];
    assert_eq!(sent["operation"], "matrix:client/send-message@1.11.0");
    assert_eq!(sent["arguments"]["room-id"], granted.as_str());
    message.assert_absent("the record", matrix.ground.record().as_bytes());
}

#[test]
fn a_typed_call_on_another_room_is_denied_before_a_byte_leaves() {
    let matrix = Matrix::typed(Synapse::shared());
    let other = &matrix.synapse.rooms()[1];
    let message = Canary::fresh();
    let outcome = matrix.herald(&[other, message.text()]);
    outcome
        .exits(1)
        .says("denied[AB0203]: matrix:client/send-message: room-id ");
    // Who it is and where is granted, and is all that was sent.
    assert_eq!(
        matrix.relay.requests(),
        [
            "GET /_matrix/client/v3/account/whoami",
            "GET /_matrix/client/v3/joined_rooms",
        ]
    );
    assert!(!matrix.relay.was_sent(message.text()) && !matrix.relay.was_sent(other));
    assert_eq!(matrix.events("denied")[0]["code"], "AB0203");
    message.assert_absent("the record", matrix.ground.record().as_bytes());
}

#[test]
fn a_homeserver_that_wants_less_says_when_to_try_again() {
    let synapse = Synapse::slow();
    let matrix = Matrix::typed(&synapse);
    let room = &synapse.rooms()[0];
    // The bucket holds a few messages, and a new one comes every hundred seconds.
    let refused = (0..5).find_map(|number| {
        let outcome = matrix.herald(&[room, "slowly", &number.to_string()]);
        (outcome.code == Some(1)).then_some(outcome)
    });
    let said = refused.expect("the bucket empties").err();
    let wait = said
        .rsplit_once(", in ")
        .and_then(|(_, rest)| rest.trim_end().strip_suffix(" ms"))
        .and_then(|wait| wait.parse::<u32>().ok());
    assert!(said.contains("429: "), "{said}");
    assert!(
        wait.is_some_and(|wait| (1..=100_000).contains(&wait)),
        "{said}"
    );
    let last = matrix.events("outcome").pop().expect("there were calls");
    assert_eq!(last["status"], 429);
}
