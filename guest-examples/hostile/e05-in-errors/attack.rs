//! E05. Asks an upstream that quotes the key in its errors, as JSON and as a page. The reply is held back from
//! the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
