//! H09. Asks by a granted method for another one, in headers and parameters that frameworks believe. Each is
//! refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("x-original-method", "DELETE"),
        ("x_http_method_override", "DELETE"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    let notes = places.url("/v1/widgets/w-1/notes");
    Try::new("POST", &notes)
        .header("x-http-method-override", "DELETE")
        .at_both_doors();
    for query in [
        "_method=DELETE",
        "_METHOD=DELETE",
        "%5Fmethod=DELETE",
        "method=DELETE",
    ] {
        Try::new("POST", format!("{notes}?{query}")).at_both_doors();
    }
    Try::get(places.url("/v1/search?q=a&_method=DELETE")).at_both_doors();
}
