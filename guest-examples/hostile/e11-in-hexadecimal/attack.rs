//! E11. Asks an upstream that writes the key in hexadecimal, in letters of either case or both. The reply is
//! held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
