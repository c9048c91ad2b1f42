//! Operations by name: which, on what, where to and with which key.

use crate::condition::{Condition, Matcher};
use crate::grant::OperationGrant;
use crate::operation::{Idempotency, Operation};
use crate::policy::Policy;

use super::{amounts, matcher, same_key, words};

/// What a grant of an operation allows and `over` does not.
pub(super) fn excess(of: &OperationGrant, over: &Policy) -> Vec<String> {
    let Some(other) = over.operation_grant(&of.name) else {
        return whole(of);
    };
    // Every field is named, so that one that is added has to be thought of here.
    let OperationGrant {
        name: _,
        operation,
        credential,
        origin,
        addresses,
        conditions,
        limits,
    } = of;
    let mut found = changes(operation, &other.operation);
    for Condition { argument, matcher } in &other.conditions {
        let own = conditions.iter().find(|own| own.argument == *argument);
        let own = own.map_or(&Matcher::Any, |own| &own.matcher);
        found.extend(matcher::excess(argument, own, matcher));
    }
    let moved = *origin != other.origin;
    if moved {
        found.push(format!("it goes to {}", words::quote(&origin.to_string())));
    }
    if !same_key(credential.as_deref(), other.credential()) {
        found.push(words::key(credential.as_deref()));
    }
    // Where the origin moves, public addresses and one loopback address follow from it.
    found.extend(if moved {
        words::addresses(addresses).filter(|_| !addresses.within(&other.addresses))
    } else {
        amounts::addresses(addresses, &other.addresses)
    });
    found.extend(amounts::limits(limits, &other.limits));
    found
}

/// All of a grant that the other policy has nothing of.
fn whole(of: &OperationGrant) -> Vec<String> {
    let mut found = vec![format!(
        "it may be called, as {} to {}",
        words::quote(of.operation.route()),
        words::quote(&of.origin.to_string())
    )];
    for Condition { argument, matcher } in &of.conditions {
        let argument = words::quote(argument);
        found.push(format!("{argument} may be {}", words::matcher(matcher)));
    }
    found.push(words::key(of.credential()));
    found.extend(words::addresses(&of.addresses));
    found.push(words::limits(&of.limits));
    found
}

/// How an operation is not the one of the same name: another connector made it.
fn changes(of: &Operation, over: &Operation) -> Vec<String> {
    // Every field is named, so that one that is added has to be thought of here.
    let Operation {
        name: _,
        version,
        // The interface has one function, of its own name.
        function: _,
        signature,
        effect,
        scope,
        // Advice for who makes the key.
        permission: _,
        idempotency,
        request,
        reply,
    } = of;
    let mut found = Vec::new();
    if *version != over.version {
        found.push(format!("it is of version {}", words::quote(version)));
    }
    if *effect != over.effect {
        found.push(format!("its effect is `{effect}`"));
    }
    if *scope != over.scope {
        let scope: Vec<_> = of.scope().map(words::quote).collect();
        found.push(match scope.as_slice() {
            [] => "no argument decides what it may touch".to_owned(),
            scope => format!("what it may touch is decided by {}", words::all(scope)),
        });
    }
    if *idempotency != over.idempotency {
        found.push(match idempotency {
            Idempotency::Always => "to call it twice is to call it once".to_owned(),
            Idempotency::ByKey(name) => {
                let name = words::quote(name);
                format!("to call it twice with the same {name} is to call it once")
            }
            Idempotency::Never => "to call it twice is not to call it once".to_owned(),
        });
    }
    if request.route != over.request.route {
        found.push(format!("it sends {}", words::quote(&request.route)));
    } else if *request != over.request {
        found.push("its connector makes another request of the same arguments".to_owned());
    }
    if *signature != over.signature {
        found.push("its types are not the same".to_owned());
    }
    if *reply != over.reply {
        found.push("its connector reads the reply in another way".to_owned());
    }
    found
}
