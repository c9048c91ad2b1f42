//! U02. Writes backslashes in and behind a host: some readers end the host there, others go on to the
//! `@`. Each is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { api, forbidden, .. } = &places;
    for url in [
        format!("http://{forbidden}\\@{api}/v1/widgets"),
        format!("http://{api}\\@{forbidden}/v1/widgets"),
        format!("http://{api}\\.evil.test/v1/widgets"),
        "http://127.0.0.1\\.127.0.0.2/v1/widgets".to_owned(),
        format!("http://\\{forbidden}/v1/widgets"),
        format!("http:\\\\{forbidden}/v1/widgets"),
        format!("http:/\\{forbidden}/v1/widgets"),
        format!("http://{api}%5C@{forbidden}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
