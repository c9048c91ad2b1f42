//! H07. Sends bytes beyond ASCII, folded lines, values of megabytes and ten thousand headers. The former are
//! refused, the latter are too much.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for value in [
        &b"\x80"[..],
        b"\xff\xfe",
        b"a\xc0\xafb",
        "\u{fc}".as_bytes(),
        b"a\r\n b",
        b"a\t",
        b" a",
        b"a ",
    ] {
        Try::get(&url).header("accept", value).at_both_doors();
    }
    for size in [63 << 10, 64 << 10, 8 << 20] {
        let call = Try::get(&url).header("accept", "a".repeat(size));
        // The other door ends a program that wants the host to hold more than 64 KiB.
        if size < 64 << 10 {
            call.over_http();
        }
        call.by_invoke();
    }
    Try::get(&url)
        .header("a".repeat(60 << 10), "1")
        .called("a name of 60 KiB")
        .at_both_doors();
    let mut call = Try::get(&url);
    for _ in 0..101 {
        call = call.header("accept", "a");
    }
    call.clone().called("101 headers").at_both_doors();
    for _ in 0..10_000 {
        call = call.header("accept", "a");
    }
    call.called("10101 headers").by_invoke();
}
