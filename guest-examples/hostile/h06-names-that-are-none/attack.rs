//! H06. Writes names of headers with ends of lines, colons and blanks, or without a letter. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("x-a\r\nx-injected", "1"),
        ("x-a: 1\r\nx-b", "1"),
        ("x-a:", "1"),
        ("x-a ", "1"),
        (" x-a", "1"),
        ("x a", "1"),
        ("x-\0a", "1"),
        ("", "1"),
        ("x-\u{e4}", "1"),
        ("(x)", "1"),
        ("x-a,x-b", "1"),
        ("\t", "1"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
