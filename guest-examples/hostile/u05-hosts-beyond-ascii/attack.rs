//! U05. Writes a granted host in characters that some readers fold into it: full width, circled,
//! ideographic dots, zero width, letters in upper case. Each is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://127\u{3002}0.0.1:{port}/v1/widgets"),
        format!("http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1:{port}/v1/widgets"),
        format!("http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:{port}/v1/widgets"),
        format!("http://\u{24db}ocalhost:{port}/v1/widgets"),
        format!("http://local\u{200d}host:{port}/v1/widgets"),
        format!("http://127.0.0.1\u{200b}:{port}/v1/widgets"),
        format!("http://\u{feff}127.0.0.1:{port}/v1/widgets"),
        format!("http://\u{df}127.0.0.1:{port}/v1/widgets"),
        format!("http://loc\u{430}lhost:{port}/v1/widgets"),
        format!("http://LOCALHOST:{port}/v1/widgets"),
        format!("http://127.0.0.\u{661}:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
