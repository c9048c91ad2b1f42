//! R10. Is sent elsewhere by headers that some clients obey as well: refresh, alternative services, links.
//! None is obeyed, and those that would change the connection are not even shown.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for _ in 0..2 {
        Try::get(places.url("/v1/widgets")).at_both_doors();
    }
}
