//! R12. Is answered with the odd statuses of redirects: choices, not modified, use a proxy, and those that name
//! no place. Each is returned as it is.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for status in [300, 304, 305, 306, 301] {
        Try::get(places.url(&format!("/v1/widgets/{status}"))).at_both_doors();
    }
}
