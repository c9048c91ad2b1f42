//! H20. Guesses at a tag that an upstream could have made of the key. A tag is sent as it is written, once,
//! and what is no header's value is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("if-none-match", "\"5f3a9c1e\""),
        ("if-match", "W/\"5f3a9c1e\""),
        ("if-none-match", "*"),
        ("if-none-match", "\"a\r\nx: 1\""),
        ("if-range", "\"5f3a9c1e\""),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
