//! U01. Puts user information before a host, so that a reader who takes it for the host, or leaves
//! it out, decides on another place than is dialled. Each is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { api, forbidden, .. } = &places;
    for url in [
        format!("http://{api}@{forbidden}/v1/widgets"),
        format!("http://127.0.0.1@{forbidden}/v1/widgets"),
        format!("http://user:password@{api}/v1/widgets"),
        format!("http://TOKEN@{api}/v1/widgets"),
        format!("http://@{api}/v1/widgets"),
        format!("http://:@{api}/v1/widgets"),
        format!("http://a@b@{api}/v1/widgets"),
        format!("http://127.0.0.1%40{forbidden}/v1/widgets"),
        format!("http://{forbidden}#@{api}/v1/widgets"),
        format!("http://{forbidden}?@{api}/v1/widgets"),
        format!("http://{forbidden}/@{api}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
