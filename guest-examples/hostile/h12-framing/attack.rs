//! H12. Sends framing of its own, so that the upstream cuts the connection into other requests. Each is
//! refused; how long a body is, the host writes.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("content-length", "0, 0"),
        ("content-length", "-1"),
        ("content-length", "+0"),
        ("content-length", "00"),
        ("content-length", "0x0"),
        ("content-length", "18446744073709551616"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("Transfer-Encoding", "identity, chunked"),
        ("transfer-encoding", "\x0bchunked"),
        ("te", "trailers"),
        ("trailer", "x-widgets-key"),
        ("connection", "close"),
        ("connection", "x-widgets-key"),
        ("keep-alive", "timeout=5"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    Try::get(&url)
        .header("content-length", "0")
        .header("content-length", "5")
        .at_both_doors();
    // A body that is longer than it says, with a request in what is left over.
    Try::new("POST", places.url("/v1/widgets/w-1/notes"))
        .header("content-length", "2")
        .body("{}GET /v1/admin HTTP/1.1\r\nhost: a\r\n\r\n")
        .at_both_doors();
}
