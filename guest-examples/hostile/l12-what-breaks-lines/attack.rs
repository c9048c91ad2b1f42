//! L12. Puts what is no text, what ends a line for some readers only, and megabytes, into all that is put
//! on record. Each line of the record is one JSON object of plain ASCII, and none is long.

use attempt::{Places, Try, by_name};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    let long = "\u{10ffff}".repeat(100_000);
    for part in [
        "\0", "\u{2028}", "\u{2029}", "\u{85}", "\x0b\x0c", "\u{feff}", "\u{202e}", "\\", "\"",
        &long,
    ] {
        Try::get(places.url(&format!("/v1/widgets/{part}"))).at_both_doors();
        Try::get(format!("http://{part}/v1/widgets")).at_both_doors();
        Try::new(format!("G{part}"), &url).at_both_doors();
        Try::get(&url).header(format!("x-{part}"), "1").by_invoke();
        by_name(part, "{}", b"");
        by_name(&format!("github:issues/{part}"), "{}", b"");
    }
    for bytes in [&b"\xff\xfe"[..], b"\xed\xa0\x80", b"\xc0\x80"] {
        Try::get(&url).header("x-a", bytes).over_http();
        Try::get(&url).header("accept", bytes).over_http();
    }
    Try::get(places.url("/v1/widgets/w-1")).at_both_doors();
}
