//! E32. Asks an upstream that streams events and lets the key drip out between them, byte by byte. What came
//! before the key is shown as it comes; from the key on nothing is, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
