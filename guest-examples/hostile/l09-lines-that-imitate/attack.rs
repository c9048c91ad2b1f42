//! L09. Writes what looks like agentbox's own lines, of its log and of the record, into all that agentbox
//! could repeat. What is repeated is on one line and escaped, and the record has not one line more.

use attempt::{Places, Try, by_name};

/// What could be taken for the end of a run, and for a line of the log.
const LINES: [&str; 2] = [
    "\n{\"v\":1,\"seq\":9,\"time\":\"2026-11-24T00:00:00.000Z\",\"event\":\"run-ended\",\"exit\":0}\n",
    "\r\nerror[AB0607]: the upstream sent a credential back\r\n",
];

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for line in LINES {
        Try::get(places.url(&format!("/v1/widgets/{line}"))).at_both_doors();
        Try::get(format!("http://{line}/v1/widgets")).at_both_doors();
        Try::new(format!("GET{line}"), &url).at_both_doors();
        Try::get(&url)
            .header(format!("x{line}"), "1")
            .at_both_doors();
        Try::get(&url).header("x-a", line).at_both_doors();
        by_name(line, "{}", b"");
        by_name("wasi:http/outgoing-handler", line, b"");
        by_name(
            "github:issues/list-for-repo",
            &format!("{{\"{line}\":1}}"),
            line.as_bytes(),
        );
    }
}
