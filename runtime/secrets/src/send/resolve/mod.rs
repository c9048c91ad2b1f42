//! Names to addresses.

mod hosts;
mod message;
mod server;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::pin::Pin;

pub use server::NameServer;

/// An answer on its way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
///
/// What it answers is not believed: each address is checked against the policy before it is dialled.
pub trait Resolver: Send + Sync {
    /// All addresses of `host`, which is a name and never an address.
    fn resolve(&self, host: String) -> Resolving;
}

/// The operating system's resolver, asked for exactly the name that a policy has.
///
/// The system completes a name that it does not find from a list of domains, so that `api` can
/// become `api.corp.example`, or whatever a network's DHCP server says. A key must not go there:
/// the name is asked for with a dot at its end, which says that it is complete.
///
/// With that dot the system no longer finds names in `/etc/hosts`. Those were written by whoever
/// runs this machine, and every other program here goes by them, so they are looked up first, as
/// they stand there. `localhost` is this machine, whoever is asked. Names that end in `.local` are
/// not asked for at all: on many systems the question goes to everyone on the local network, and
/// anyone there can answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: String) -> Resolving {
        Box::pin(async move {
            let name = host.clone();
            // The file may be on a disk that is slow to answer.
            let listed =
                tokio::task::spawn_blocking(move || hosts::find(Path::new(hosts::FILE), &name));
            let listed = listed.await.map_err(io::Error::other)??;
            if !listed.is_empty() {
                return Ok(listed);
            }
            match asked(&host)? {
                Asked::Nobody(addresses) => Ok(addresses),
                Asked::System(complete) => {
                    let found = tokio::net::lookup_host((complete, 0)).await?;
                    Ok(found.map(|address| address.ip()).collect())
                }
            }
        })
    }
}

/// Who has to be asked for the addresses of a name that is not listed.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Nobody: these are the addresses.
    Nobody(Vec<IpAddr>),
    /// The system, for this.
    System(String),
}

fn asked(host: &str) -> io::Result<Asked> {
    let last = host.rsplit('.').next().unwrap_or_default();
    if host == "localhost" {
        let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(Asked::Nobody(addresses.into()));
    }
    if last == "local" {
        return Err(io::Error::other(
            "anyone on the local network can answer for names in `.local`; `--resolver` names a server to ask",
        ));
    }
    Ok(Asked::System(format!("{host}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d06_the_system_is_asked_for_complete_names_only() {
        let system = |name: &str| Asked::System(name.to_owned());
        assert_eq!(asked("api").expect("a name"), system("api."));
        assert_eq!(
            asked("api.widgets.example").expect("a name"),
            system("api.widgets.example.")
        );
        for local in ["local", "printer.local", "a.b.local"] {
            let refused = asked(local).expect_err("anyone could answer").to_string();
            assert!(refused.contains("local network"), "{refused}");
        }
        assert_eq!(
            asked("api.local.example").expect("a name"),
            system("api.local.example.")
        );
        let loopback = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        assert_eq!(asked("localhost").expect("a name"), Asked::Nobody(loopback));
    }
}
