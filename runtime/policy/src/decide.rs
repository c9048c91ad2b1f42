//! Whether one call is part of the policy.

mod http;
mod operation;

use std::sync::Arc;

use crate::call::{CallHead, cut_message};
use crate::code::Code;
use crate::index::Leaf;
use crate::policy::Policy;
use crate::verdict::{Approved, Denied};

/// Decides on one call.
///
/// # Errors
///
/// The first rule that refuses it.
pub fn decide(policy: &Policy, head: &CallHead) -> Result<Approved, Denied> {
    let decided = match head {
        CallHead::Http(head) => http::decide(policy, head),
        CallHead::Operation(head) => operation::decide(policy, head),
        CallHead::Refused(head) => Err(match head.code {
            Code::ARGUMENTS_SIZE => operation::arguments_too_large(policy, head.message.as_str()),
            code => Refusal::new(code, head.message.as_str()),
        }),
    };
    decided.map_err(|refusal| Denied {
        code: refusal.code,
        call: head.summary(),
        grant: refusal.grant,
        message: cut_message(refusal.message),
        hint: refusal.hint,
    })
}

/// A denial without the call that is denied.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    grant: Option<Arc<str>>,
    hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            grant: None,
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A refusal by the grant of this name, unless an earlier one is named already.
    pub(crate) fn by(mut self, grant: &Arc<str>) -> Self {
        self.grant.get_or_insert_with(|| Arc::clone(grant));
        self
    }

    fn of(self, leaf: Option<&Leaf>) -> Self {
        match leaf {
            Some(leaf) => self.by(&leaf.grant.name),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests;
