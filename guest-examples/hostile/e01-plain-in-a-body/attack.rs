//! E01. Asks an upstream that answers with the key it was sent, plain, prints all it can read, piece
//! by piece, and carries it on. The reply is held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
