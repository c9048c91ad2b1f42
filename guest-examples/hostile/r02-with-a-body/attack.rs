//! R02. Sends a body to an upstream that redirects it, with its body, to another host. The body goes nowhere
//! else.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for id in ["307", "308"] {
        Try::new("POST", places.url(&format!("/v1/widgets/{id}/notes")))
            .body("a note")
            .at_both_doors();
    }
    Try::new(
        "POST",
        format!("http://{}/v1/widgets/w-1/notes", places.forbidden),
    )
    .body("a note")
    .at_both_doors();
}
