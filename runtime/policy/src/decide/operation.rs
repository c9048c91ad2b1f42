//! Whether a call of an operation is part of the policy.

use std::sync::Arc;

use crate::bounds::Bound;
use crate::call::OperationHead;
use crate::check::{find_known, near, operation_lines};
use crate::code::Code;
use crate::condition::{Matcher, Unmet};
use crate::credential::Placement;
use crate::grant::OperationGrant;
use crate::headers::{ReplyHeaders, is_reserved_in_replies};
use crate::operation::Operation;
use crate::policy::Policy;
use crate::request::{Rendered, body_too_large};
use crate::units::print_bytes;
use crate::value::{Arguments, read_arguments};
use crate::verdict::Approved;

use super::Refusal;
use super::http::{LARGEST_HEADERS, LONGEST_URL};

pub(super) fn decide(policy: &Policy, head: &OperationHead) -> Result<Approved, Refusal> {
    let most = policy.bounds.arguments;
    if larger(head.arguments.len(), most) {
        let message = format!("the arguments are larger than {}", print_bytes(most));
        return Err(arguments_too_large(policy, message));
    }
    let grant = find(policy, &head.operation)?;
    approve(policy, grant, &head.arguments).map_err(|refusal| refusal.by(&grant.name))
}

/// The program is told how much it may send; where that is changed is the operator's business.
pub(super) fn arguments_too_large(policy: &Policy, message: impl Into<String>) -> Refusal {
    let allowed = Bound::arguments().allowed_by(&policy.bounds);
    Refusal::new(Code::ARGUMENTS_SIZE, message).hint(format!("send no more than {allowed}"))
}

fn approve(policy: &Policy, grant: &OperationGrant, json: &str) -> Result<Approved, Refusal> {
    let operation = &grant.operation;
    let arguments = read_arguments(operation, json)?;
    check_where(grant, &arguments)?;
    let request = operation
        .request
        .render(&arguments, policy.bounds.request_body)?;
    check_sizes(policy, grant, &request)?;
    check_credential(grant, &request)?;
    let deciding = operation.scope.iter().filter_map(|name| {
        let (_, value) = arguments.find(name)?;
        Some((Arc::clone(name), value.as_text()?))
    });
    let length = request.body.as_ref().map(Vec::len);
    Ok(Approved {
        agent: Arc::clone(&policy.agent.id),
        grant: Arc::clone(&grant.name),
        operation: Some(Arc::clone(operation)),
        arguments: deciding.collect(),
        route: Arc::clone(&operation.request.route),
        method: operation.request.method.clone(),
        origin: grant.origin.clone(),
        path: request.path,
        query: request.query,
        headers: request.headers,
        content_length: length.and_then(|length| u64::try_from(length).ok()),
        body: request.body.map(Arc::from),
        credential: grant.credential.clone(),
        limits: Arc::clone(&grant.limits),
        addresses: Arc::clone(&grant.addresses),
        reply_headers: Arc::new(reply_headers(operation)),
    })
}

/// The grant of the operation that is named, with or without its version.
fn find<'p>(policy: &'p Policy, called: &str) -> Result<&'p OperationGrant, Refusal> {
    let (name, version) = match called.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (called, None),
    };
    let Some(grant) = policy.operation_grant(name) else {
        return Err(ungranted(policy, name));
    };
    let has = grant.operation.version();
    match version {
        Some(version) if version != has => {
            let message =
                format!("the policy grants version {has} of this operation, not this one");
            Err(Refusal::new(Code::OPERATION_DENIED, message)
                .hint(format!("call `{}`", grant.operation.import()))
                .by(&grant.name))
        }
        _ => Ok(grant),
    }
}

fn ungranted(policy: &Policy, name: &str) -> Refusal {
    let refusal = Refusal::new(Code::OPERATION_DENIED, "no grant covers this operation");
    if let Some((_, operation)) = find_known(policy, name) {
        let lines = operation_lines(policy, &operation.import()).join("\n");
        return refusal.hint(format!("to allow it:\n{lines}"));
    }
    match near(policy, name) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal,
    }
}

fn check_where(grant: &OperationGrant, arguments: &Arguments<'_>) -> Result<(), Refusal> {
    for condition in &grant.conditions {
        let name = &condition.argument;
        let Some((_, value)) = arguments.find(name) else {
            let message = format!("`{name}` is no argument of the operation");
            return Err(Refusal::new(Code::BUG, message));
        };
        let Err(unmet) = condition.matcher.admits(value) else {
            continue;
        };
        // The record holds what decides about access, and no other argument.
        let decides = grant.operation.scope.iter().any(|scope| **scope == **name);
        let given = value.as_scalar().filter(|_| decides);
        let mut refusal = denied(match (&given, unmet) {
            (Some(given), Unmet::NotOneOf([only])) => format!("{name} {given} is not {only}"),
            (Some(given), unmet) => format!("{name} {given} {unmet}"),
            (None, unmet) => format!("{name} {unmet}"),
        });
        if let (Matcher::OneOf(_), Some(given)) = (&condition.matcher, given) {
            refusal = refusal.hint(format!(
                "to allow it, add {given} to `{name}` in `where` of `[grants.\"{}\"]`",
                grant.name
            ));
        }
        return Err(refusal);
    }
    Ok(())
}

fn denied(message: String) -> Refusal {
    Refusal::new(Code::ARGUMENT_DENIED, message)
}

fn larger(length: usize, most: u64) -> bool {
    u64::try_from(length).map_or(true, |length| length > most)
}

fn check_sizes(policy: &Policy, grant: &OperationGrant, request: &Rendered) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::new(Code::REQUEST_SIZE, message));
    let query = request.query.as_ref().map_or(0, |query| query.len() + 1);
    if grant.origin.to_string().len() + request.path.len() + query > LONGEST_URL {
        return refuse("the URL is longer than 8 KiB");
    }
    let headers: usize = request
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers > LARGEST_HEADERS {
        return refuse("more than 64 KiB of headers");
    }
    let most = policy.bounds.request_body;
    if request
        .body
        .as_ref()
        .is_some_and(|body| larger(body.len(), most))
    {
        return Err(body_too_large(most));
    }
    Ok(())
}

/// Refuses a request that holds something where the key goes.
fn check_credential(grant: &OperationGrant, request: &Rendered) -> Result<(), Refusal> {
    let Some(credential) = &grant.credential else {
        return Ok(());
    };
    let taken = match credential.placement() {
        Placement::Query { name } => grant
            .operation
            .request
            .query
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name)),
        placement => placement
            .header()
            .is_some_and(|name| request.headers.contains_key(name)),
    };
    if taken {
        let message = "the connector fills the place where the key goes, and the host adds it";
        return Err(Refusal::new(Code::CREDENTIAL_HEADER, message));
    }
    Ok(())
}

/// The ordinary headers of a reply, and the one that the connector reads.
fn reply_headers(operation: &Operation) -> ReplyHeaders {
    let reset = operation.reply.reset.iter();
    ReplyHeaders {
        extra: reset
            .filter(|name| !is_reserved_in_replies(name.as_str()))
            .cloned()
            .collect(),
    }
}
