//! Whether a call of an operation is part of the policy.

use crate::call::OperationHead;
use crate::code::Code;
use crate::policy::Policy;
use crate::verdict::Approved;

use super::Refusal;

pub(super) fn decide(_policy: &Policy, _head: &OperationHead) -> Result<Approved, Refusal> {
    Err(Refusal::new(
        Code::OPERATION_DENIED,
        "no grant covers this operation",
    ))
}
