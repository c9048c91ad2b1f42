//! What the tests of this crate share.

pub(crate) mod made;

use crate::{
    Approved, Connector, ConnectorText, Denied, HttpHead, Operation, Policy, Sources, Text,
};
use std::sync::Arc;

/// The sources of a policy of one text, without WIT.
pub(crate) fn toml(text: &str) -> Sources {
    with_wit(text, &[])
}

/// The sources of a policy and the files of its `wit/`.
pub(crate) fn with_wit(text: &str, wit: &[&str]) -> Sources {
    let wit = wit.iter().enumerate().map(|(at, text)| Text {
        name: format!("wit/{at}.wit"),
        text: (*text).to_owned(),
    });
    Sources {
        toml: Text {
            name: "agentbox.toml".to_owned(),
            text: text.to_owned(),
        },
        wit: wit.collect(),
        ..Sources::default()
    }
}

/// The policy, which has to be good.
#[track_caller]
pub(crate) fn policy(text: &str) -> Policy {
    match Policy::parse(&toml(text)) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

/// What is wrong with a policy, each as `CODE line:column message`.
pub(crate) fn problems(sources: &Sources) -> Vec<String> {
    let Err(errors) = Policy::parse(sources) else {
        return Vec::new();
    };
    errors
        .problems()
        .iter()
        .map(|p| format!("{} {}:{} {}", p.code(), p.line(), p.column(), p.message()))
        .collect()
}

/// The texts of a built-in connector.
pub(crate) fn built_in(name: &str) -> ConnectorText {
    macro_rules! texts {
        ($($name:literal, $wit:literal;)+) => {
            match name {
                $($name => (
                    include_str!(concat!("../../../host-apis/connectors/", $name, "/connector.toml")),
                    $wit,
                    include_str!(concat!("../../../host-apis/connectors/", $name, "/", $wit)),
                ),)+
                _ => panic!("no connector is called {name}"),
            }
        };
    }
    let (toml, file, wit) = texts! {
        "github", "issues.wit";
        "matrix", "client.wit";
        "openai", "chat.wit";
        "vault", "kv.wit";
    };
    let text = |file: &str, text: &str| Text {
        name: format!("connectors/{name}/{file}"),
        text: text.to_owned(),
    };
    ConnectorText {
        toml: text("connector.toml", toml),
        wit: vec![text(file, wit)],
    }
}

/// The sources of a policy and the files of its `wit/`, with the built-in connectors.
pub(crate) fn connected(text: &str, wit: &[&str]) -> Sources {
    Sources {
        connectors: ["github", "matrix", "openai", "vault"]
            .map(built_in)
            .to_vec(),
        ..with_wit(text, wit)
    }
}

/// A connector, which has to be good.
#[track_caller]
pub(crate) fn connector(texts: &ConnectorText) -> Connector {
    match Connector::parse(texts) {
        Ok((connector, _)) => connector,
        Err(errors) => panic!("{errors}"),
    }
}

/// An operation of a built-in connector, such as `github:issues/get`.
#[track_caller]
pub(crate) fn operation(name: &str) -> Arc<Operation> {
    let (namespace, _) = name.split_once(':').expect("a namespace");
    let connector = connector(&built_in(namespace));
    let mut operations = connector.operations();
    let found = operations.find(|operation| operation.name() == name);
    Arc::clone(found.expect("an operation of the connector"))
}

/// A call from `METHOD URL` and headers.
pub(crate) fn call(line: &str, headers: &[(&str, &str)]) -> HttpHead {
    let (method, url) = line.split_once(' ').expect("a method and a URL");
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    HttpHead {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path_and_query: path.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    }
}

/// The decision on a request.
pub(crate) fn decide(policy: &Policy, head: &HttpHead) -> Result<Approved, Denied> {
    crate::decide(policy, &head.clone().into())
}

/// The decision on a call without headers.
pub(crate) fn decision(policy: &Policy, line: &str) -> Result<Approved, Denied> {
    decide(policy, &call(line, &[]))
}

/// A small generator of numbers, so that a failing case can be run again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        usize::try_from(mixed % end as u64).expect("below a usize")
    }

    /// One of the items.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Puts the items in any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
