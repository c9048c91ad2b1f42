//! Grants of operations, beside each other.
