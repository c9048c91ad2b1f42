//! E27. Asks an upstream that sends beginnings of the key, or other things that look like it, before the key
//! itself, or repeats it, or sends it as the very first or last bytes. The reply is held back from the
//! key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
