//! R07. Posts where it may, and is sent on by 303 to the same path with `GET`, which it may not. The host does
//! not go there, and neither may the program.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::new("POST", places.url("/v1/widgets/w-1/notes"))
        .body("a note")
        .at_both_doors();
    Try::get(places.url("/v1/widgets/w-1/notes")).at_both_doors();
}
