//! U03. Puts dots behind a host, which DNS reads as the same name and a comparison as another. Each is
//! refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://127.0.0.1.:{port}/v1/widgets"),
        format!("http://127.0.0.1..:{port}/v1/widgets"),
        format!("http://localhost.:{port}/v1/widgets"),
        format!("http://127.0.0.2.:{port}/v1/widgets"),
        format!("http://.127.0.0.1:{port}/v1/widgets"),
        format!("http://127..0.0.1:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
