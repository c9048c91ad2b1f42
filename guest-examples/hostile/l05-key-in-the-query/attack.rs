//! L05. Calls where the key goes into the query, asks for its parameter by other names, and prints all it
//! hears of it. The query that is on record, and in every log, has names only.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/search?q=a")).at_both_doors();
    for query in [
        "key=mine",
        "KEY=mine",
        "k%65y=mine",
        "key",
        "key[]=mine",
        "q=a;key=mine",
        "q=a&key=mine",
        "+key=mine",
    ] {
        Try::get(places.url(&format!("/v1/search?{query}"))).at_both_doors();
    }
}
