//! What a connector may say, and what each mistake in one is told.

use crate::testing::{built_in, connector, operation};
use crate::{Connector, ConnectorText, Idempotency, Text};

#[test]
fn the_built_in_connectors_are_read_without_a_warning() {
    for (name, operations) in [("github", 5), ("matrix", 4), ("openai", 1), ("vault", 2)] {
        let (connector, warnings) = match Connector::parse(&built_in(name)) {
            Ok(read) => read,
            Err(errors) => panic!("{errors}"),
        };
        assert_eq!(connector.name(), name);
        assert_eq!(connector.operations().count(), operations, "{name}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
