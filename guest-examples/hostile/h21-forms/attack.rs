//! H21. Sends forms whose names and boundaries hold ends of lines and other boundaries. A body is the
//! program's own and arrives as it is; none of it becomes a header, and a type with an end of line is
//! refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let notes = places.url("/v1/widgets/w-1/notes");
    let form = "--b\r\ncontent-disposition: form-data; name=\"a\"; filename=\"x\r\nx-injected: 1\"\r\n\r\n\
                --b--\r\n--b\r\nauthorization: mine\r\n\r\n--b--\r\n\r\nGET /v1/admin HTTP/1.1\r\n\r\n";
    for boundary in ["b", "b\"; x=\"", "b--", "b\r\nx-injected: 1"] {
        Try::new("POST", &notes)
            .header(
                "content-type",
                format!("multipart/form-data; boundary={boundary}"),
            )
            .body(form)
            .at_both_doors();
    }
    Try::new("POST", &notes)
        .header("content-type", "multipart/form-data; boundary=a")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form)
        .at_both_doors();
}
