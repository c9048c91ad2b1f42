//! U07. Spells the granted address and another in the ways that only some readers understand: one
//! number, octal, hexadecimal, fewer parts, other digits. Each is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://2130706433:{port}/v1/widgets"),
        format!("http://2130706434:{port}/v1/widgets"),
        format!("http://0x7f000001:{port}/v1/widgets"),
        format!("http://0x7f.1:{port}/v1/widgets"),
        format!("http://0x7f.0x0.0x0.0x2:{port}/v1/widgets"),
        format!("http://0177.0.0.1:{port}/v1/widgets"),
        format!("http://0177.0.0.2:{port}/v1/widgets"),
        format!("http://127.1:{port}/v1/widgets"),
        format!("http://127.2:{port}/v1/widgets"),
        format!("http://127.0.1:{port}/v1/widgets"),
        format!("http://127.000.000.001:{port}/v1/widgets"),
        format!("http://127.0.0.01:{port}/v1/widgets"),
        format!("http://127.0.0.1.:{port}/v1/widgets"),
        format!("http://127.0.0.0x2:{port}/v1/widgets"),
        format!("http://\u{2460}\u{2461}\u{2466}.0.0.1:{port}/v1/widgets"),
        format!("http://127.0.0.256:{port}/v1/widgets"),
        format!("http://127.0.0.1.1:{port}/v1/widgets"),
        format!("http://017700000001:{port}/v1/widgets"),
        format!("http://%31%32%37.0.0.1:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
