//! E03. Asks an upstream that puts the key behind the status. None of the reply is released, and the run is
//! stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
