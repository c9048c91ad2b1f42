//! E38. Hopes for a key so short that it turns up by chance, or can be guessed by what is held back. Such a
//! key is not used, and the run ends before anything is sent.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).and_carry_on(&places);
}
