//! H05. Puts ends of lines and other control characters in a value, so that one header becomes two, or a
//! request two requests. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("accept", "a\r\nx-injected: 1"),
        ("accept", "a\r\n\r\nGET /v1/admin HTTP/1.1\r\nhost: a"),
        ("accept", "a\rx-injected: 1"),
        ("accept", "a\nx-injected: 1"),
        ("accept", "a\0b"),
        ("accept", "\r\n"),
        ("accept", "a\r\n"),
        ("accept", "\x7f"),
        ("accept", "\x1b[2J"),
        ("accept", "a\u{85}b"),
        ("accept", "a\u{2028}x: 1"),
        ("accept", "a\u{560a}x: 1"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
