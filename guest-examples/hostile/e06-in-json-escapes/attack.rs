//! E06. Asks an upstream that writes the key in the escapes of JSON, all of it or here and there, or in a JSON
//! text inside another. The reply is held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
