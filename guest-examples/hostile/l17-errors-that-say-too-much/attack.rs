//! L17. Provokes every error it can, and prints all that it is told: what a host says of itself in its
//! errors, folders, addresses, names of variables, places in its code. It says nothing of itself.

use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};

use attempt::{Places, Try, by_name, tell};

fn main() {
    let places = Places::new();
    for url in [
        places.url("/v1/admin"),
        places.url("/v1/widgets/reset"),
        places.url("/v1/widgets/garbage"),
        places.url("/v1/widgets/gzip"),
        format!("http://{}/v1/widgets", places.forbidden),
        "https://localhost/v1/widgets".to_owned(),
        "http://[::1]:1/".to_owned(),
        "nothing".to_owned(),
    ] {
        Try::get(url).at_both_doors();
    }
    Try::get(places.url("/v1/widgets"))
        .header("x-widgets-key", "mine")
        .at_both_doors();
    for (name, arguments) in [
        ("github:issues/list-for-repo", "{}"),
        ("agentbox:host/invoke", "{}"),
        ("wasi:http/outgoing-handler", "no JSON"),
        ("../../etc/passwd", "{}"),
    ] {
        by_name(name, arguments, b"");
    }
    tell("system", "file", || {
        format!("{:?}", std::fs::read("/etc/passwd"))
    });
    tell("system", "folder", || {
        format!("{:?}", std::fs::create_dir("/tmp/x"))
    });
    tell("system", "connect", || {
        format!("{:?}", TcpStream::connect(&places.api).map(drop))
    });
    tell("system", "datagram", || {
        format!("{:?}", UdpSocket::bind("127.0.0.1:0").map(drop))
    });
    tell("system", "resolve", || {
        format!(
            "{:?}",
            ("localhost", 80)
                .to_socket_addrs()
                .map(|found| found.count())
        )
    });
    tell("system", "working folder", || {
        format!("{:?}", std::env::current_dir())
    });
    tell("system", "executable", || {
        format!("{:?}", std::env::args().next())
    });
}
