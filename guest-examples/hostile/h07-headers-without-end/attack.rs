//! H07. Lets the host hold ten thousand headers of a request that it never sends. The host holds so many
//! bytes and no more: the program is ended.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let mut call = Try::get(places.url("/v1/widgets"));
    for _ in 0..10_000 {
        call = call.header("accept", "a");
    }
    call.over_http();
}
