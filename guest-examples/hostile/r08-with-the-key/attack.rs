//! R08. Asks an upstream that puts the key into the place it redirects to. The reply is not released, and the
//! run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
