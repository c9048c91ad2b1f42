//! U06. Writes labels that claim to be punycode and decode to nothing, to ASCII, or to letters of two
//! scripts. What is no punycode is refused as not canonical, the rest as not granted.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://xn--a:{port}/v1/widgets"),
        format!("http://xn--:{port}/v1/widgets"),
        format!("http://xn--localhost-:{port}/v1/widgets"),
        format!("http://xn--127-:{port}/v1/widgets"),
        format!("http://xn--80ak6aa92e:{port}/v1/widgets"),
        format!("http://xn--pple-43d:{port}/v1/widgets"),
        format!("http://xn--99999999999:{port}/v1/widgets"),
        format!("http://XN--A:{port}/v1/widgets"),
        format!("http://127.0.0.1.xn--a:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
