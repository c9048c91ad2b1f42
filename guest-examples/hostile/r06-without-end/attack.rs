//! R06. Is redirected in a circle and goes round by itself, and is sent a location of megabytes. Each round
//! is a call that the limit counts, until there is none left; the location is too large.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets/huge")).at_both_doors();
    for _ in 0..4 {
        Try::get(places.url("/v1/widgets/round")).at_both_doors();
    }
}
