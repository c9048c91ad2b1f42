//! H25. Writes methods in other letters, methods that no policy can grant, and methods that hold more than a
//! method. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for method in [
        "get",
        "GeT",
        "GET ",
        " GET",
        "TRACE",
        "CONNECT",
        "PRI",
        "TRACK",
        "PROPFIND",
        "*",
        "",
        "GET /v1/admin HTTP/1.1\r\nx:",
        "GET\r\n",
        "GET\0",
        "G\u{395}T",
        "HEAD",
        "DELETE",
        "PUT",
        "PATCH",
        "OPTIONS",
        "POST",
    ] {
        Try::new(method, &url).at_both_doors();
    }
    Try::new("G".repeat(1 << 20), &url)
        .called("a method of 1 MiB")
        .at_both_doors();
}
