//! E02. Asks an upstream that puts the key into the value of a header, or into its name, and prints every
//! header it is given. None of the reply is released, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
