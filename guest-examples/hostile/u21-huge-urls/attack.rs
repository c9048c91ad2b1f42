//! U21. Sends URLs of a megabyte, of a hundred thousand segments and of a hundred thousand pairs. Each is
//! refused for its size, before it is read.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let long = "a".repeat(1 << 20);
    for (what, path) in [
        ("a segment of 1 MiB", format!("/v1/widgets/{long}")),
        ("a query of 1 MiB", format!("/v1/search?q={long}")),
        ("100000 segments", "/a".repeat(100_000)),
        ("100000 slashes", "/".repeat(100_000)),
        (
            "100000 pairs",
            format!("/v1/search?{}", "q=1&".repeat(100_000)),
        ),
        (
            "just over 8 KiB",
            format!("/v1/widgets/{}", &long[..8 << 10]),
        ),
    ] {
        Try::get(places.url(&path)).called(what).at_both_doors();
    }
    Try::get(format!("http://{long}/v1/widgets"))
        .called("a host of 1 MiB")
        .at_both_doors();
    Try::get(format!("{long}://{}/v1/widgets", places.api))
        .called("a scheme of 1 MiB")
        .at_both_doors();
}
