//! H16. Sends the fields of an HTTP/2 request as headers. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        (":path", "/admin"),
        (":authority", "127.0.0.2"),
        (":method", "DELETE"),
        (":scheme", "https"),
        (":status", "200"),
        (":", "x"),
        (":protocol", "websocket"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
