//! Upstreams that send the key back, and programs that wait for it.
//!
//! `echoes` above this folder has the ways in which a reply can be cut; here a program reads all it
//! can, in pieces smaller than a key, and carries on what it has got.

use super::{Attack, text};
use crate::support::api::{self, Seen, Step};
use crate::support::canary::Canary;

/// Lets the attack `name` ask an upstream that answers with `reply` to a key, once at each door,
/// and checks that the run is stopped: the key is found `how`, and the program gets nothing from
/// there on, `after` included, and makes no other call.
#[track_caller]
fn check(
    name: &str,
    how: &str,
    reply: impl Fn(&Canary) -> Vec<Step> + Copy + Send + Sync + 'static,
) {
    check_key(name, Canary::fresh, how, move |_, key| reply(key));
}

/// The same for keys that `make` makes, and for a reply that depends on the request.
#[track_caller]
fn check_key(
    name: &str,
    make: impl Fn() -> Canary,
    how: &str,
    reply: impl Fn(&Seen, &Canary) -> Vec<Step> + Copy + Send + Sync + 'static,
) {
    for door in ["http", "invoke"] {
        let attack = Attack::on(name, make(), reply);
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

/// A whole reply with `body`.
fn body(body: &[u8]) -> Vec<Step> {
    vec![Step::Send(api::reply(200, &[], body))]
}

#[test]
fn e01_plain_in_a_body() {
    check("e01-plain-in-a-body", "plain) in its body, ", |key| {
        body(format!("before\n{} after", key.text()).as_bytes())
    });
}
