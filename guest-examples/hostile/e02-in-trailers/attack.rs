//! E02. Asks an upstream that puts the key into the trailers behind a body, prints all it is given and
//! carries it on. Trailers are not handed on, whatever they hold, so there is no key in what is.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
