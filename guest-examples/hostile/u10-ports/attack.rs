//! U10. Spells the granted port in other ways, so that it is compared as one number and dialled as
//! another, and then asks for other ports. The former are refused as not canonical, the latter as not
//! granted.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places {
        port, neighbour, ..
    } = &places;
    for url in [
        format!("http://127.0.0.1:0{port}/v1/widgets"),
        format!("http://127.0.0.1:00{port}/v1/widgets"),
        "http://127.0.0.1:/v1/widgets".to_owned(),
        format!("http://127.0.0.1:+{port}/v1/widgets"),
        format!("http://127.0.0.1: {port}/v1/widgets"),
        format!("http://127.0.0.1:{port} /v1/widgets"),
        "http://127.0.0.1:-1/v1/widgets".to_owned(),
        "http://127.0.0.1:0/v1/widgets".to_owned(),
        "http://127.0.0.1:65536/v1/widgets".to_owned(),
        format!("http://127.0.0.1:{port}:{port}/v1/widgets"),
        format!("http://127.0.0.1:{port}.0/v1/widgets"),
        "http://127.0.0.1:%38080/v1/widgets".to_owned(),
        "http://127.0.0.1:0x50/v1/widgets".to_owned(),
        "http://127.0.0.1:\u{ff18}080/v1/widgets".to_owned(),
        format!("http://127.0.0.1:{port}a/v1/widgets"),
        "http://127.0.0.1:80/v1/widgets".to_owned(),
        "http://127.0.0.1/v1/widgets".to_owned(),
        format!("http://{neighbour}/v1/widgets"),
        format!("https://127.0.0.1:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
    let wrapped = u32::from(*port) + 0x1_0000;
    Try::get(format!("http://127.0.0.1:{wrapped}/v1/widgets"))
        .called("GET http://127.0.0.1:(8080 + 65536)/v1/widgets")
        .at_both_doors();
}
