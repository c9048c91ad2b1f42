//! H10. Names another path in headers that gateways believe. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("x-original-url", "/admin"),
        ("X-Original-URL", "/admin"),
        ("x-rewrite-url", "/admin"),
        ("x-original-uri", "/admin"),
        ("x-rewrite-uri", "/admin"),
        ("x-forwarded-prefix", "/admin"),
        ("x-forwarded-path", "/admin"),
        ("x-forwarded-uri", "/admin"),
        ("x-envoy-original-path", "/admin"),
        ("destination", "/admin"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
