//! L07. Does a bit of everything, well and badly, and then crashes, in the hope that something that is said
//! of it holds the key: a dry run, a log of everything, the record, a crash.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets")).at_both_doors();
    Try::get(places.url("/v1/admin")).at_both_doors();
    Try::get(format!("http://{}/v1/widgets", places.forbidden)).at_both_doors();
    core::arch::wasm32::unreachable();
}
