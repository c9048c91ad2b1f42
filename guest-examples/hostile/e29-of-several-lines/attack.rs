//! E29. Hopes for a key of several lines, as certificates are, which a reply could indent or fold. Such a key
//! is not used, and the run ends before anything is sent.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
