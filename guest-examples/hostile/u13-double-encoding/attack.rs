//! U13. Encodes twice and more, for a gate that decodes once and an upstream that decodes again. Each is
//! refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "/v1/widgets/%252e%252e%252fadmin",
        "/v1/widgets/%252e%252e",
        "/v1/widgets/%25252e%25252e%25252fadmin",
        "/v1/widgets/%252f",
        "/v1/widgets/%255c",
        "/v1/widgets/%25",
        "/v1/widgets/%2500",
        "/v1/widgets/a%25",
        "/v1/widgets/%",
        "/v1/widgets/%2",
        "/v1/widgets/%zz",
        "/v1/widgets/%2g",
        "/v1/widgets/%%32%65",
        "/v1/widgets/%u002e",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
}
