//! Which addresses a granted name may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Which addresses may be dialled for one origin.
///
/// Public ones, and those inside the ranges that the policy admits; for plain HTTP only the one
/// loopback address that the origin names. An address that carries another one inside (mapped,
/// NAT64, 6to4, Teredo) is judged by the one inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRule {
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Only(IpAddr),
    PublicOr(Vec<IpNet>),
}

impl AddressRule {
    /// Public addresses, and those in `ranges`.
    pub(crate) fn public_or(ranges: &[IpNet]) -> Self {
        Self {
            rule: Rule::PublicOr(ranges.to_vec()),
        }
    }

    /// One address and no other.
    pub(crate) fn only(address: IpAddr) -> Self {
        Self {
            rule: Rule::Only(address),
        }
    }

    /// The ranges that are admitted beside public addresses.
    pub(crate) fn ranges(&self) -> &[IpNet] {
        match &self.rule {
            Rule::Only(_) => &[],
            Rule::PublicOr(ranges) => ranges,
        }
    }

    /// Whether every address that this rule admits is admitted by `other` too.
    ///
    /// Judged range by range: a range that several of `other` make up together is not seen.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        match (&self.rule, &other.rule) {
            (Rule::Only(address), _) => other.admits(*address),
            (Rule::PublicOr(_), Rule::Only(_)) => false,
            (Rule::PublicOr(own), Rule::PublicOr(ranges)) => {
                own.iter().all(|range| holds(ranges, range))
            }
        }
    }

    /// Whether `address` may be dialled.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        match &self.rule {
            Rule::Only(only) => *only == address,
            Rule::PublicOr(ranges) => admits(ranges, address),
        }
    }
}

/// Whether what a range admits is admitted by one of `ranges`: a wider range holds a smaller one, but
/// only the address itself admits one of [`METADATA`].
fn holds(ranges: &[IpNet], range: &IpNet) -> bool {
    let exact = range.prefix_len() == range.max_prefix_len() && METADATA.contains(&range.addr());
    ranges
        .iter()
        .any(|other| other == range || (!exact && other.contains(range)))
}

fn admits(ranges: &[IpNet], address: IpAddr) -> bool {
    let embedded = embedded(address);
    let inside = |range: &IpNet| range.contains(&address);
    if METADATA.contains(&address) {
        return ranges
            .iter()
            .any(|range| range.prefix_len() == range.max_prefix_len() && inside(range));
    }
    if embedded
        .iter()
        .any(|inner| METADATA.contains(&IpAddr::V4(*inner)))
    {
        return embedded
            .iter()
            .all(|inner| admits(ranges, IpAddr::V4(*inner)));
    }
    if ranges.iter().any(inside) {
        return true;
    }
    if embedded.is_empty() {
        is_public(address)
    } else {
        embedded
            .iter()
            .all(|inner| admits(ranges, IpAddr::V4(*inner)))
    }
}

/// Whether nothing in the special-purpose registries claims the address.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            !SPECIAL_V4.iter().any(|(net, length, _)| {
                bits >> (32 - length) == u32::from(Ipv4Addr::from(*net)) >> (32 - length)
            })
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            let inside = |net: Ipv6Addr, length: u8| {
                bits >> (128 - length) == u128::from(net) >> (128 - length)
            };
            inside(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1)
                && !SPECIAL_V6
                    .iter()
                    .any(|(net, length, _)| inside(*net, *length))
        }
    }
}

/// The IPv4 addresses that an IPv6 address stands for; two for Teredo, its server and its client.
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return Vec::new();
    };
    let segments = address.segments();
    let quad = |at: usize| {
        let [a, b] = segments[at].to_be_bytes();
        let [c, d] = segments[at + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // Mapped, and the deprecated compatible form; `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0xffff, ..] => vec![quad(6)],
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0, 0, ..] => vec![quad(6)],
        // Translated by SIIT, and by NAT64's well-known prefix.
        [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![quad(6)],
        [0x2002, ..] => vec![quad(1)],
        [0x2001, 0, ..] => vec![quad(2), Ipv4Addr::from_bits(!quad(6).to_bits())],
        _ => Vec::new(),
    }
}

/// Where clouds answer with credentials to whoever asks; admitted only by a range of one address.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// IANA IPv4 Special-Purpose Address Registry, and multicast, which has a registry of its own.
/// Entries that the registry calls globally reachable are listed as well: none of them is an API.
const SPECIAL_V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private use"),
    ([100, 64, 0, 0], 10, "shared address space"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link local"),
    ([172, 16, 0, 0], 12, "private use"),
    ([192, 0, 0, 0], 24, "IETF protocol assignments"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 31, 196, 0], 24, "AS112-v4"),
    ([192, 52, 193, 0], 24, "AMT"),
    ([192, 88, 99, 0], 24, "deprecated 6to4 relay anycast"),
    ([192, 168, 0, 0], 16, "private use"),
    ([192, 175, 48, 0], 24, "direct delegation AS112 service"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved, and limited broadcast"),
];

/// Outside of it no IPv6 address is public: loopback, unique local, link local, site local,
/// multicast, discard-only, segment routing and all that is not assigned.
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IANA IPv6 Special-Purpose Address Registry, as far as it lies inside global unicast.
const SPECIAL_V6: &[(Ipv6Addr, u8, &str)] = &[
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "IETF protocol assignments",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "documentation",
    ),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (
        Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0),
        48,
        "direct delegation AS112 service",
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "documentation",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn rule(ranges: &[&str]) -> AddressRule {
        let ranges: Vec<IpNet> = ranges
            .iter()
            .map(|range| range.parse().expect(range))
            .collect();
        AddressRule::public_or(&ranges)
    }

    #[test]
    fn public_addresses_are_admitted_without_asking() {
        for text in [
            "1.1.1.1",
            "140.82.121.4",
            "2606:4700::1111",
            "2a00:1450::1",
            "2600::",
        ] {
            assert!(rule(&[]).admits(ip(text)), "{text}");
        }
    }

    /// The entries of the IANA IPv4 and IPv6 Special-Purpose Address Registries, and of multicast, as
    /// the registries write them: what the tables above say in fewer words.
    const REGISTRIES: &[&str] = &[
        "0.0.0.0/8",
        "0.0.0.0/32",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.0.0/29",
        "192.0.0.8/32",
        "192.0.0.9/32",
        "192.0.0.10/32",
        "192.0.0.170/32",
        "192.0.0.171/32",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.88.99.2/32",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        "::1/128",
        "::/128",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:1::1/128",
        "2001:1::2/128",
        "2001:1::3/128",
        "2001:2::/48",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:10::/28",
        "2001:20::/28",
        "2001:30::/28",
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    ];

    #[test]
    fn d08_each_entry_of_the_special_registries_is_refused_from_end_to_end() {
        for entry in REGISTRIES {
            let net: IpNet = entry.parse().expect(entry);
            for address in [net.network(), net.broadcast()] {
                assert!(!rule(&[]).admits(address), "{address} ({entry})");
            }
        }
    }

    #[test]
    fn d08_what_stands_for_a_special_address_is_as_special() {
        for (entry, inner) in REGISTRIES.iter().filter_map(|entry| {
            let net: IpNet = entry.parse().expect(entry);
            match net.broadcast() {
                IpAddr::V4(inner) => Some((entry, inner)),
                IpAddr::V6(_) => None,
            }
        }) {
            let [.., a, b] = inner.to_ipv6_mapped().segments();
            let [.., c, d] = Ipv4Addr::from_bits(!inner.to_bits())
                .to_ipv6_mapped()
                .segments();
            for address in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, a, b),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                // Teredo by way of a public server, to this client; and by way of this server.
                Ipv6Addr::new(0x2001, 0, 0x0101, 0x0101, 0, 0, c, d),
                Ipv6Addr::new(0x2001, 0, a, b, 0, 0, 0xfefe, 0xfefe),
            ] {
                assert!(
                    !rule(&[]).admits(IpAddr::V6(address)),
                    "{address} ({entry})"
                );
            }
        }
    }

    #[test]
    fn d08_the_addresses_beside_the_registries_are_public() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::",
            "2001:db7::",
            "2001:db9::",
            "2000::",
            "3ffe::",
            "3fff:1000::",
        ] {
            assert!(rule(&[]).admits(ip(text)), "{text}");
        }
    }

    #[test]
    fn d08_special_ipv6_outside_of_global_unicast_is_refused() {
        for text in [
            "::",
            "::1",
            "100::1",
            "100:0:0:1::1",
            "64:ff9b:1::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "1fff::1",
            "2001:2::1",
            "2001:20::1",
        ] {
            assert!(!rule(&[]).admits(ip(text)), "{text}");
        }
    }

    #[test]
    fn u08_an_address_inside_another_is_judged_by_itself() {
        for text in [
            "::ffff:127.0.0.2",
            "::127.0.0.2",
            "64:ff9b::7f00:2",
            "2002:7f00:2::",
            "::ffff:0:127.0.0.2",
            // Teredo: private server, then private client (inverted).
            "2001:0:7f00:2::fefe:fefe",
            "2001:0:101:101::80ff:fffd",
        ] {
            assert!(!rule(&[]).admits(ip(text)), "{text}");
            assert!(rule(&["127.0.0.0/8"]).admits(ip(text)), "{text}");
        }
        for text in ["::ffff:1.1.1.1", "64:ff9b::101:101"] {
            assert!(rule(&[]).admits(ip(text)), "{text}");
        }
    }

    #[test]
    fn d01_a_range_admits_its_own_addresses_and_no_others() {
        let pinned = rule(&["127.0.0.1/32"]);
        assert!(pinned.admits(ip("127.0.0.1")));
        for text in ["127.0.0.2", "10.0.0.1", "::1"] {
            assert!(!pinned.admits(ip(text)), "{text}");
        }
    }

    #[test]
    fn d07_metadata_addresses_are_admitted_only_when_named_exactly() {
        let wide = rule(&["0.0.0.0/1", "128.0.0.0/1", "fd00::/8", "::/1"]);
        for address in METADATA {
            assert!(
                !rule(&[]).admits(*address) && !wide.admits(*address),
                "{address}"
            );
            assert!(
                rule(&[&format!("{}", IpNet::from(*address))]).admits(*address),
                "{address}"
            );
        }
        for text in [
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!wide.admits(ip(text)), "{text}");
            assert!(rule(&["169.254.169.254/32"]).admits(ip(text)), "{text}");
        }
    }

    #[test]
    fn d13_a_plain_origin_admits_its_own_loopback_address_only() {
        let rule = AddressRule::only(ip("127.0.0.1"));
        assert!(rule.admits(ip("127.0.0.1")));
        for text in ["127.0.0.2", "::1", "1.1.1.1", "::ffff:127.0.0.1"] {
            assert!(!rule.admits(ip(text)), "{text}");
        }
    }
}
