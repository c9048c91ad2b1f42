//! L10. Asks an upstream whose replies are broken in ways that hold escape sequences, which an error could
//! repeat to a terminal. None is repeated, in an error or on record.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for id in [
        "reason", "name", "value", "status", "chunk", "length", "coding",
    ] {
        Try::get(places.url(&format!("/v1/widgets/{id}"))).at_both_doors();
    }
}
