//! H22. Says where it comes from, in headers that a browser would write and servers trust. Each is refused,
//! and the host adds none.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("referer", "http://127.0.0.1/admin"),
        ("Referer", "http://127.0.0.2"),
        ("origin", "http://127.0.0.1"),
        ("sec-fetch-site", "same-origin"),
        ("sec-ch-ua", "x"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    Try::get(&url).at_both_doors();
}
