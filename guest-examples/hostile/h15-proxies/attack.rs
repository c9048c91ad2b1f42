//! H15. Speaks to a proxy that could stand between. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("proxy-authorization", "Basic bWluZQ=="),
        ("Proxy-Authorization", "x"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "Basic"),
        ("proxy", "http://127.0.0.2"),
        ("proxy-anything", "1"),
        ("max-forwards", "0"),
        ("cdn-loop", "a"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
