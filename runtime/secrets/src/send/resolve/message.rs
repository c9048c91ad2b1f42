//! The two messages of DNS that finding an address takes: one question, and what answers it.
//!
//! Answers come from whoever can reach this machine. They are read in place, every length is
//! checked, and names may only point backwards and so often, so reading ends and takes time and
//! memory in proportion to the message. What was not asked for is passed over: other types, other names, other sections.

use std::cell::Cell;
use std::net::IpAddr;

/// The most aliases between a name and its addresses. What serves many sites has two or three.
const ALIASES: usize = 8;

const HEAD: usize = 12;
const ALIAS: u16 = 5;
const INTERNET: u16 = 1;

/// The most bytes of a name, and of one of its labels.
const NAME: usize = 255;
const LABEL: usize = 63;

/// The most pointers in one name. Servers write one, and have no use for more than a few.
const POINTERS: usize = 16;

/// The most labels and pointers that are read in one message: as many as the longest has that lists
/// addresses of one name, several times over.
const STEPS: usize = 1 << 17;

/// Which kind of address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    V4 = 1,
    V6 = 28,
}

/// A question ready to be sent.
pub(super) struct Question {
    pub(super) bytes: Vec<u8>,
    kind: Kind,
}

/// What a message is to the one who asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It answers something else, or nothing.
    NotOurs,
    /// The answer is too long for this way of asking.
    Truncated,
    /// The addresses; none where the name has none of this kind.
    Addresses(Vec<IpAddr>),
    /// The server answers that it cannot say, or says it in a way that cannot be read.
    Failed(&'static str),
}

impl Question {
    /// Asks for the addresses of `host`, which is complete. `None` when DNS has no such names.
    pub(super) fn new(id: u16, host: &str, kind: Kind) -> Option<Self> {
        let mut bytes = Vec::with_capacity(HEAD + host.len() + 6);
        bytes.extend(id.to_be_bytes());
        // Recursion desired; one question, and nothing else.
        bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in host.split('.') {
            let length = u8::try_from(label.len()).ok()?;
            if label.is_empty() || label.len() > LABEL {
                return None;
            }
            bytes.push(length);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        if bytes.len() - HEAD > NAME {
            return None;
        }
        bytes.extend((kind as u16).to_be_bytes());
        bytes.extend(INTERNET.to_be_bytes());
        Some(Self { bytes, kind })
    }

    /// Reads what came in answer to it.
    pub(super) fn read(&self, message: &[u8]) -> Reading {
        let (Some(head), Some(asked)) = (message.get(..HEAD), self.bytes.get(HEAD..)) else {
            return Reading::NotOurs;
        };
        let echoed = message.get(HEAD..self.bytes.len());
        let is_answer = head[2] & 0b1111_1000 == 0b1000_0000;
        let ours = head[..2] == self.bytes[..2]
            && is_answer
            && head[4..6] == [0, 1]
            && echoed.is_some_and(|echoed| echoed.eq_ignore_ascii_case(asked));
        if !ours {
            return Reading::NotOurs;
        }
        if head[2] & 0b10 != 0 {
            return Reading::Truncated;
        }
        match head[3] & 0b1111 {
            0 => {}
            2 => return Reading::Failed("the DNS server failed to find out"),
            3 => return Reading::Failed("there is no such name"),
            5 => return Reading::Failed("the DNS server refuses to say"),
            _ => return Reading::Failed("the DNS server answered with an error"),
        }
        match self.records(&Message::new(message)) {
            Some(records) => records.follow(asked),
            None => Reading::Failed("the DNS server's answer is malformed"),
        }
    }

    /// What of the answers can lead to an address of the kind that was asked for.
    fn records(&self, message: &Message<'_>) -> Option<Records> {
        let mut records = Records::default();
        let mut at = self.bytes.len();
        for _ in 0..message.number(6)? {
            let (owner, rest) = message.name(at)?;
            let (kind, class) = (message.number(rest)?, message.number(rest + 2)?);
            // Between the two is how long it may be kept; nothing is.
            let length = usize::from(message.number(rest + 8)?);
            let start = rest + 10;
            at = start + length;
            let data = message.bytes.get(start..at)?;
            if class != INTERNET {
                continue;
            }
            if kind == ALIAS {
                records.aliases.push((owner, message.name(start)?.0));
            } else if kind == self.kind as u16 {
                records.addresses.push((owner, self.kind.address(data)?));
            }
        }
        Some(records)
    }
}

impl Kind {
    fn address(self, data: &[u8]) -> Option<IpAddr> {
        match self {
            Self::V4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            Self::V6 => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        }
    }
}

/// Names are in lower case, as they are on the wire.
#[derive(Default)]
struct Records {
    aliases: Vec<(Vec<u8>, Vec<u8>)>,
    addresses: Vec<(Vec<u8>, IpAddr)>,
}

impl Records {
    /// The addresses of the name that was asked for, or of what it is an alias of.
    fn follow(&self, asked: &[u8]) -> Reading {
        // The question ends with its type and class.
        let mut name = asked[..asked.len() - 4].to_ascii_lowercase();
        for _ in 0..=ALIASES {
            let of_name = self.addresses.iter().filter(|(owner, _)| *owner == name);
            let addresses: Vec<_> = of_name.map(|(_, address)| *address).collect();
            let alias = self.aliases.iter().find(|(owner, _)| *owner == name);
            match alias {
                Some((_, target)) if addresses.is_empty() => name.clone_from(target),
                _ => return Reading::Addresses(addresses),
            }
        }
        Reading::Failed("the name is an alias of an alias, too many times")
    }
}

struct Message<'a> {
    bytes: &'a [u8],
    /// How many labels and pointers may yet be read: many names can share the same ones.
    steps: Cell<usize>,
}

impl<'a> Message<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let steps = Cell::new(STEPS);
        Self { bytes, steps }
    }

    fn number(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }

    /// The name at `at`, in lower case, and where what follows it begins.
    fn name(&self, mut at: usize) -> Option<(Vec<u8>, usize)> {
        let mut name = Vec::new();
        let mut end = None;
        // Every jump leads further back.
        let mut limit = at;
        let mut pointers = 0;
        loop {
            self.steps.set(self.steps.get().checked_sub(1)?);
            let length = usize::from(*self.bytes.get(at)?);
            if length > LABEL {
                if length < 0b1100_0000 {
                    return None;
                }
                end.get_or_insert(at + 2);
                let target = usize::from(self.number(at)? & 0b0011_1111_1111_1111);
                pointers += 1;
                if target >= limit || pointers > POINTERS {
                    return None;
                }
                limit = target;
                at = target;
                continue;
            }
            let label = self.bytes.get(at..=at + length)?;
            name.extend(label.iter().map(u8::to_ascii_lowercase));
            if name.len() > NAME {
                return None;
            }
            at += length + 1;
            if length == 0 {
                return Some((name, end.unwrap_or(at)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
