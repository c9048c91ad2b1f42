//! H24. Calls with a key that holds ends of lines, so that the host itself would write two headers. The key
//! is not used, and the run ends before anything is sent.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    Try::get(&url).at_both_doors();
}
