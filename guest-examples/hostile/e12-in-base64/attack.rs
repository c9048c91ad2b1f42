//! E12. Asks an upstream that writes the key in base64, of either alphabet, padded or not, behind none, one or
//! two bytes of something else. The reply is held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
