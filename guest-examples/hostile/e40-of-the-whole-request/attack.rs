//! E40. Asks an upstream that sends the request back as it came, with the header that the host has added. The
//! reply is held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
