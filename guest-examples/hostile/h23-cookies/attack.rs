//! H23. Asks an upstream that sets a cookie, again and again. The cookie is not shown and never sent back,
//! nor may a program send one.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for _ in 0..2 {
        Try::get(&url).at_both_doors();
    }
    Try::get(&url)
        .header("cookie", "session=stolen")
        .at_both_doors();
}
