//! U12. Hides slashes and backslashes in escapes, so that one segment becomes several behind the gate.
//! Each is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "/v1/widgets/a%2f..%2fadmin",
        "/v1/widgets/a%2F..%2Fadmin",
        "/v1/widgets/a%5c..%5cadmin",
        "/v1/widgets/a%5C..%5Cadmin",
        "/v1/widgets/a\\b",
        "/v1/widgets/..\\admin",
        "/v1%2fwidgets",
        "/%2fv1/widgets",
        "/v1/widgets%2f",
        "/v1/widgets%2Fw-1",
        "/v1/widgets/%c0%af",
        "/v1/widgets/%e0%80%af",
        "/v1/widgets/\u{2215}admin",
        "/v1/widgets/%u2215",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
}
