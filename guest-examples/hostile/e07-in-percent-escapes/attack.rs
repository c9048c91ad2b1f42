//! E07. Asks an upstream that writes the key in percent escapes, those it needs or all, in letters of either
//! case, once or twice. The reply is held back from the key on, and the run is stopped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
