//! From an origin to a connection with one of its admitted addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use agentbox_policy::{Approved, Origin};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Reach;
use super::deadlines::{Deadlines, Due};
use super::own;
use crate::error::Trouble;

/// The most addresses that are tried. More would share out the time to connect too thinly.
const TRIES: usize = 8;

/// A connection, and when it had to be there: what follows it has the rest of the time.
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) due: Due,
}

/// Resolves the origin, checks every address, and dials the admitted ones in order, exactly as
/// they were checked.
pub(super) async fn connect(
    approved: &Approved,
    reach: &Reach,
    deadlines: &Deadlines,
) -> Result<Connected, Trouble> {
    let origin = approved.origin();
    let due = deadlines.connected();
    let addresses = match origin.ip() {
        Some(address) => vec![address],
        None => resolve(origin, reach, due).await?,
    };
    let mut trouble = due.connection_is_late();
    let admitted = admitted(approved, reach, addresses)?;
    let tries = admitted.len();
    for (tried, address) in admitted.into_iter().enumerate() {
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

/// Those of `addresses` that the policy admits and that do not lead back to this process: a few of
/// them, and one at least.
fn admitted(
    approved: &Approved,
    reach: &Reach,
    addresses: Vec<IpAddr>,
) -> Result<Vec<SocketAddr>, Trouble> {
    let origin = approved.origin();
    let (admitted, mut refused): (Vec<IpAddr>, Vec<IpAddr>) = addresses
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
    let port = |address: IpAddr| SocketAddr::new(address, origin.port());
    let (own, others): (Vec<_>, Vec<_>) = admitted
        .into_iter()
        .take(TRIES)
        .map(port)
        .partition(|address| own::leads_back(&reach.own, *address));
    match own.first() {
        Some(&address) if others.is_empty() => Err(Trouble::OwnAddress { address }),
        _ => Ok(others),
    }
}

async fn resolve(origin: &Origin, reach: &Reach, due: Due) -> Result<Vec<IpAddr>, Trouble> {
    let trouble = |what: String| Trouble::Dns {
        host: origin.host().to_owned(),
        what,
    };
    let found = timeout_at(due.at, reach.resolver.resolve(origin.host().to_owned()))
        .await
        .map_err(|_elapsed| trouble("the resolver did not answer in time".to_owned()))?
        .map_err(|error: io::Error| trouble(error.to_string()))?;
    if found.is_empty() {
        return Err(trouble("it has no address".to_owned()));
    }
    Ok(found)
}

/// Dials `address` within its share of the time: all of it for the last of the `tries`.
async fn dial(address: SocketAddr, due: Due, tries: usize) -> Result<TcpStream, Trouble> {
    let now = Instant::now();
    let share = due.at.saturating_duration_since(now) / u32::try_from(tries).unwrap_or(1);
    let stream = timeout_at(now + share, TcpStream::connect(address))
        .await
        .map_err(|_elapsed| due.connection_is_late())?
        .and_then(|stream| own::other_end(stream, address))
        .map_err(|cause| Trouble::Connect { address, cause })?;
    // Bodies are written in pieces as large as they come; waiting to join them only costs time.
    stream
        .set_nodelay(true)
        .map_err(|cause| Trouble::Connect { address, cause })?;
    Ok(stream)
}
