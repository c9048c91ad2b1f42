//! U23. Asks for hosts whose names begin, end or contain what is granted, `*.widgets.example`, but are not
//! below it. None is granted.

use attempt::Try;

fn main() {
    for url in [
        "https://evil-widgets.example/v1/widgets".to_owned(),
        "https://evilwidgets.example/v1/widgets".to_owned(),
        "https://widgetsXexample/v1/widgets".to_owned(),
        "https://widgets.example/v1/widgets".to_owned(),
        "https://api.widgets.example.evil.test/v1/widgets".to_owned(),
        "https://api.widgets.example./v1/widgets".to_owned(),
        "https://api.widgets.examples/v1/widgets".to_owned(),
        "https://*.widgets.example/v1/widgets".to_owned(),
        "https://.widgets.example/v1/widgets".to_owned(),
        "https://api..widgets.example/v1/widgets".to_owned(),
        "https://API.widgets.example/v1/widgets".to_owned(),
        "https://api.widgets.example:8443/v1/widgets".to_owned(),
        "https://api.widgets.example@evil.test/v1/widgets".to_owned(),
        "https://api.widgets.example%2eevil.test/v1/widgets".to_owned(),
        "https://api_.widgets.example/v1/widgets".to_owned(),
    ] {
        Try::get(url).at_both_doors();
    }
}
