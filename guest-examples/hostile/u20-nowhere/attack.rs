//! U20. Leaves the host out, or writes it where some readers look for it and others do not. Each is
//! refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { api, forbidden, .. } = &places;
    for url in [
        "http:///v1/widgets".to_owned(),
        "http://".to_owned(),
        "http://:8080/v1/widgets".to_owned(),
        "///".to_owned(),
        "".to_owned(),
        format!("http:{forbidden}"),
        format!("http:/{forbidden}/v1/widgets"),
        format!("http:///{forbidden}/v1/widgets"),
        format!("//{forbidden}/v1/widgets"),
        format!("{api}/v1/widgets"),
        "/v1/widgets".to_owned(),
        format!("http://{api}"),
        format!("http://{api}?q"),
        format!("http://{api}*"),
    ] {
        Try::get(url).at_both_doors();
    }
}
