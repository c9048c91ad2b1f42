//! H13. Asks the upstream to say first whether it wants the body, for two bodies or two replies. Each is
//! refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets/w-1/notes");
    for value in ["100-continue", "100-Continue", "200-ok", ""] {
        Try::new("POST", &url)
            .header("expect", value)
            .body("{}")
            .at_both_doors();
    }
}
