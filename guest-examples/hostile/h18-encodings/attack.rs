//! H18. Asks for a reply that is compressed, and so not searched. Whatever it asks for, the host asks for none.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("accept-encoding", "gzip"),
        ("accept-encoding", "br, zstd"),
        ("accept-encoding", "*"),
        ("accept-encoding", "identity;q=0, gzip;q=1"),
        ("accept-encoding", "gzip, deflate, br, zstd, compress"),
        ("range", "bytes=0-7"),
        ("x-accept-encoding", "gzip"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
}
