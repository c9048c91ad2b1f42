//! From an origin to a connection with one of its admitted addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use agentbox_policy::{Approved, Origin};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::deadlines::Deadlines;
use super::resolve::Resolver;
use crate::error::Trouble;

/// The most addresses that are tried. More would share out the time to connect too thinly.
const TRIES: usize = 8;

/// A connection, and when it had to be there: what follows it has the rest of the time.
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) due: Instant,
}

/// Resolves the origin, checks every address, and dials the admitted ones in order, exactly as
/// they were checked.
pub(super) async fn connect(
    approved: &Approved,
    resolver: &dyn Resolver,
    deadlines: &Deadlines,
) -> Result<Connected, Trouble> {
    let origin = approved.origin();
    let due = deadlines.connected();
    let addresses = match origin.ip() {
        Some(address) => vec![address],
        None => resolve(origin, resolver, due).await?,
    };
    let (mut admitted, mut refused): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .into_iter()
        .partition(|address| approved.addresses().admits(*address));
    if admitted.is_empty() {
        // A few of them tell enough.
        refused.truncate(TRIES);
        return Err(Trouble::AddressDenied {
            host: origin.host().to_owned(),
            addresses: refused,
        });
    }
    admitted.truncate(TRIES);
    let mut trouble = Trouble::ConnectTimeout;
    let tries = admitted.len();
    for (tried, address) in admitted.into_iter().enumerate() {
        let address = SocketAddr::new(address, origin.port());
        match dial(address, due, tries - tried).await {
            Ok(stream) => {
                return Ok(Connected {
                    stream,
                    address,
                    due,
                });
            }
            Err(new) => trouble = new,
        }
    }
    Err(trouble)
}

async fn resolve(
    origin: &Origin,
    resolver: &dyn Resolver,
    due: Instant,
) -> Result<Vec<IpAddr>, Trouble> {
    let trouble = |what: String| Trouble::Dns {
        host: origin.host().to_owned(),
        what,
    };
    let found = timeout_at(due, resolver.resolve(origin.host().to_owned()))
        .await
        .map_err(|_elapsed| trouble("the resolver did not answer in time".to_owned()))?
        .map_err(|error: io::Error| trouble(error.to_string()))?;
    if found.is_empty() {
        return Err(trouble("it has no address".to_owned()));
    }
    Ok(found)
}

/// Dials `address` within its share of the time: all of it for the last of the `tries`.
async fn dial(address: SocketAddr, due: Instant, tries: usize) -> Result<TcpStream, Trouble> {
    let now = Instant::now();
    let share = due.saturating_duration_since(now) / u32::try_from(tries).unwrap_or(1);
    let stream = timeout_at(now + share, TcpStream::connect(address))
        .await
        .map_err(|_elapsed| Trouble::ConnectTimeout)?
        .map_err(|cause| Trouble::Connect { address, cause })?;
    // Bodies are written in pieces as large as they come; waiting to join them only costs time.
    stream
        .set_nodelay(true)
        .map_err(|cause| Trouble::Connect { address, cause })?;
    Ok(stream)
}
