//! What must not be dialled whatever a policy admits: this process itself.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use tokio::net::TcpStream;

/// Whether dialling `address` would lead to one of `own`, which this process listens on.
pub(super) fn leads_back(own: &[SocketAddr], address: SocketAddr) -> bool {
    let dialled = address.ip().to_canonical();
    own.iter().any(|own| {
        let listening = own.ip().to_canonical();
        own.port() == address.port()
            && (listening == dialled
                // The system takes it for its own loopback address.
                || dialled.is_unspecified()
                || (listening.is_unspecified() && is_this_machines(dialled)))
    })
}

/// Whether this machine has the address: only those can be bound.
fn is_this_machines(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// Refuses a connection to `address` that has met itself: where nobody listens on a port that the system also
/// gives to those who dial, both ends can be one socket, and what is sent would come back as the
/// reply.
pub(super) fn other_end(stream: TcpStream, address: SocketAddr) -> io::Result<TcpStream> {
    if stream.local_addr()? == address {
        return Err(io::Error::other("the connection leads back to itself"));
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &str, dialled: &str, expected: bool) {
        let parse = |text: &str| text.parse().expect("an address and a port");
        let found = leads_back(&[parse("192.0.2.1:1"), parse(own)], parse(dialled));
        assert_eq!(found, expected, "{dialled} where {own} is listened on");
    }

    #[test]
    fn d09_an_address_leads_back_in_every_form_it_can_be_dialled_in() {
        check("127.0.0.1:80", "127.0.0.1:80", true);
        check("127.0.0.1:80", "127.0.0.1:81", false);
        check("127.0.0.1:80", "127.0.0.2:80", false);
        check("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true);
        check("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true);
        check("127.0.0.1:80", "0.0.0.0:80", true);
        check("[::1]:80", "[::]:80", true);
        check("[::1]:80", "[::1]:80", true);
        for any in ["0.0.0.0:80", "[::]:80"] {
            for mine in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "0.0.0.0:80"] {
                check(any, mine, true);
            }
            check(any, "127.0.0.1:81", false);
            // Set aside for documentation, so nobody has it.
            check(any, "192.0.2.1:80", false);
            check(any, "[2001:db8::1]:80", false);
        }
    }

    #[tokio::test]
    async fn d09_a_socket_that_is_connected_to_itself_is_refused() {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        let address = socket.local_addr().expect("an address");
        // Nobody listens there, and the connection is made all the same.
        let stream = socket.connect(address).await.expect("it meets itself");
        let refused = other_end(stream, address)
            .expect_err("both ends are one")
            .to_string();
        assert_eq!(refused, "the connection leads back to itself");
        let listener = tokio::net::TcpListener::bind(any).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        other_end(stream, address).expect("two ends");
    }
}
