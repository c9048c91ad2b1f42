//! R09. Is redirected to places that are spelt to be read in two ways, and follows by itself, letter by letter.
//! Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { api, forbidden, .. } = &places;
    Try::get(places.url("/v1/widgets/w-1")).at_both_doors();
    for location in [
        format!("http://{api}@{forbidden}/"),
        format!("\\\\{forbidden}\\"),
        format!("//{forbidden}/v1/widgets"),
        format!("http://{api}/..//{forbidden}/"),
        format!("http:{forbidden}"),
        "..//".to_owned(),
    ] {
        Try::get(location).at_both_doors();
    }
}
