//! The bounds of one run, and lowering them.
//!
//! Each bound is one entry of one table below: its name in `[run]` and as a flag, its unit, its
//! default, and the numbers that make sense. Parsing, flags, comparing and help all read that table.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::code::Code;
use crate::units::{UnitError, parse_bytes, parse_duration, print_bytes, print_duration};

/// How much of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// How many.
    Count(u64),
    /// How long; whole milliseconds.
    Time(Duration),
}

/// What a bound is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: `64 MiB`.
    Bytes,
    /// A plain number: `1000`.
    Count,
    /// Time: `5s`.
    Time,
}

impl Unit {
    /// Reads an amount of this unit.
    ///
    /// # Errors
    ///
    /// When the text is not a whole number, with a unit of bytes or time where this is one of them.
    pub fn parse(self, text: &str) -> Result<Amount, UnitError> {
        match self {
            Self::Bytes => parse_bytes(text).map(Amount::Bytes),
            Self::Count => parse_count(text).map(Amount::Count),
            Self::Time => parse_duration(text).map(Amount::Time),
        }
    }
}

fn parse_count(text: &str) -> Result<u64, UnitError> {
    let plain = text == "0" || !text.starts_with('0');
    if !plain || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UnitError::Count(text.to_owned()));
    }
    text.parse()
        .map_err(|_out_of_range: std::num::ParseIntError| UnitError::TooLarge(text.to_owned()))
}

impl Amount {
    /// The number: of bytes, of things, or of milliseconds.
    fn number(self) -> u64 {
        match self {
            Self::Bytes(number) | Self::Count(number) => number,
            Self::Time(time) => u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Display for Amount {
    /// As a policy writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&print_bytes(*bytes)),
            Self::Count(count) => count.fmt(f),
            Self::Time(time) => f.write_str(&print_duration(*time)),
        }
    }
}

/// One of the bounds of a run.
pub struct Bound {
    /// Its key under `[run]`, and its flag without the dashes.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it bounds, in one sentence, as `--help` says it.
    pub help: &'static str,
    /// The numbers that can be worked with: bytes, things, or milliseconds.
    pub range: RangeInclusive<u64>,
    read: fn(&Bounds) -> Amount,
    write: fn(&mut Bounds, Amount),
}

impl Bound {
    /// All bounds, in the order in which they are documented.
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// The bound of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|bound| bound.name == name)
    }

    /// Whether a run can be held to `amount`.
    #[must_use]
    pub fn allows(&self, amount: Amount) -> bool {
        self.range.contains(&amount.number())
    }

    /// The numbers that can be worked with, for people.
    #[must_use]
    pub fn sense(&self) -> String {
        let amount = |number| match self.unit {
            Unit::Bytes => Amount::Bytes(number),
            Unit::Count => Amount::Count(number),
            Unit::Time => Amount::Time(Duration::from_millis(number)),
        };
        let least = amount(*self.range.start());
        match *self.range.end() {
            u64::MAX => format!("at least {least}"),
            most => format!("{least} to {}", amount(most)),
        }
    }

    /// Reads an amount of this bound.
    ///
    /// # Errors
    ///
    /// When the text is no amount of its unit, or none that a run can be held to.
    pub fn parse(&self, text: &str) -> Result<Amount, UnitError> {
        let amount = self.unit.parse(text)?;
        if self.allows(amount) {
            Ok(amount)
        } else {
            Err(UnitError::Range {
                text: text.to_owned(),
                sense: self.sense(),
            })
        }
    }

    /// What `bounds` say of it.
    #[must_use]
    pub fn of(&self, bounds: &Bounds) -> Amount {
        (self.read)(bounds)
    }

    /// An amount that it allows, and where to change it, for people: ``the 500ms that `[run] wall` and
    /// `--wall` allow``.
    #[must_use]
    pub fn allowing(&self, amount: Amount) -> String {
        let name = self.name;
        format!("the {amount} that `[run] {name}` and `--{name}` allow")
    }

    /// The same of what `bounds` say of it.
    #[must_use]
    pub fn allowed_by(&self, bounds: &Bounds) -> String {
        self.allowing(self.of(bounds))
    }

    /// Changes it in `bounds`; an amount of another unit changes nothing.
    pub(crate) fn set(&self, bounds: &mut Bounds, amount: Amount) {
        (self.write)(bounds, amount);
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.name).finish()
    }
}

macro_rules! bounds {
    (@type Bytes) => { u64 };
    (@type Count) => { u64 };
    (@type Time) => { Duration };
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $name:literal: $unit:ident = $default:expr, $range:expr, $help:literal;
    )+) => {
        /// What one run may use at most: the `[run]` table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Bounds {
            $($(#[doc = $doc])+ pub $field: bounds!(@type $unit),)+
        }

        impl Default for Bounds {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Bound {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub fn $field() -> &'static Self {
                    Self::named($name).expect("every bound is in its table")
                }
            )+
        }

        const ALL: &[Bound] = &[$(Bound {
            name: $name,
            unit: Unit::$unit,
            help: $help,
            range: $range,
            read: |bounds| Amount::$unit(bounds.$field),
            write: |bounds, amount| {
                if let Amount::$unit(amount) = amount {
                    bounds.$field = amount;
                }
            },
        },)+];
    };
}

const MIB: u64 = 1 << 20;
const ANY: RangeInclusive<u64> = 0..=u64::MAX;
const SOME: RangeInclusive<u64> = 1..=u64::MAX;

bounds! {
    /// Bytes of all the program's memories together. 256 MiB holds an interpreter and its data,
    /// and bulk memory operations, which cannot be interrupted, stay short.
    memory "memory": Bytes = 256 * MIB, SOME,
        "Largest memory of the program, all its memories together, such as `64MiB`.";
    /// Entries of all the program's tables together, which count as memory too, eight bytes each. A
    /// large program has some ten thousand function pointers.
    table "table": Count = 100_000, ANY,
        "Most entries of all the program's tables together.";
    /// Core instances, and as many memories and tables each. A component adapted from a core module
    /// has five; one composed of ten libraries some thirty.
    instances "instances": Count = 64, 1..=1000,
        "Most core instances of the program, and as many memories and tables each.";
    /// Bytes of the program's stack. An ordinary program uses tens of kilobytes, an interpreter half
    /// a megabyte before it refuses to go deeper.
    stack "stack": Bytes = MIB / 2, 16 << 10..=64 * MIB,
        "Largest stack of the program.";
    /// Time spent computing, not waiting. Ten seconds is far more than glue between calls needs.
    cpu "cpu": Time = Duration::from_secs(10), SOME,
        "Processor time, such as `5s`; waiting does not count.";
    /// All of the run, without time spent waiting for a person. Two minutes: a person still waits.
    wall "wall": Time = Duration::from_secs(120), SOME,
        "Wall time, waiting for upstreams included.";
    /// Bytes of standard output and standard error together. 64 MiB is no longer read by anyone.
    output "output": Bytes = 64 * MIB, ANY,
        "Largest standard output and standard error, together.";
    /// Calls of the run, whatever becomes of them. Each costs a line or two of the record: ten
    /// thousand are some megabytes of it, and more than two minutes are good for.
    calls "calls": Count = 10_000, ANY,
        "Most calls, whatever becomes of them.";
    /// Calls of the run that may be refused before anything is sent, by the policy, a limit or a bound. A
    /// program that was told no a thousand times is not listening, and would fill the record.
    denials "denials": Count = 1000, ANY,
        "Most calls that may be refused before anything is sent.";
    /// Calls that are under way at once, from being sent to the end of the reply, or until the program
    /// drops it; more wait for their turn. Servers take some hundred streams at once, and a process some
    /// thousand descriptors.
    calls_at_once "calls-at-once": Count = 128, SOME,
        "Most calls that are under way at once; more wait for their turn.";
    /// Handles of the host's that the program may hold at once: streams, files, requests, replies.
    /// Ordinary programs hold tens, one with five hundred calls under way some three thousand. Each
    /// can make the host hold up to 64 KiB.
    handles "handles": Count = 4096, 16..=1_000_000,
        "Most handles that the program may hold: streams, files, requests, replies.";
    /// Bytes that the host holds for the program's calls: arguments, bodies and replies that were not
    /// taken yet, what reading an operation's reply takes up, and a mebibyte for each call under way. The
    /// program's own memory does not count them, so as much again as that. What `handles` make the
    /// host hold comes on top, except for listings of directories, which count here.
    host_memory "host-memory": Bytes = 256 * MIB, ANY,
        "Largest memory of the host that the program's calls take up.";
    /// Bytes of the arguments of an operation, or of a request by name, as JSON. A mebibyte is more
    /// text than an API takes in a field, and is read at once.
    arguments "arguments": Bytes = MIB, ANY,
        "Largest arguments of an operation, as JSON.";
    /// Bytes of one request's body. 16 MiB holds a file that an API takes in one piece.
    request_body "request-body": Bytes = 16 * MIB, ANY,
        "Largest body of one request.";
    /// Bytes of one reply's body. 64 MiB holds a large download.
    reply_body "reply-body": Bytes = 64 * MIB, ANY,
        "Largest body of one reply.";
    /// From the first packet to the end of the TLS handshake. Ten seconds outlasts three lost
    /// packets in a row.
    connect "connect": Time = Duration::from_secs(10), SOME,
        "Time to connect to an upstream, TLS included.";
    /// From the request's end to the reply's head. A minute: language models think.
    first_byte "first-byte": Time = Duration::from_secs(60), SOME,
        "Time from the end of a request to the first byte of its reply.";
    /// One whole call, from when it is made to the last byte of the reply; waiting for its turn counts.
    call "call": Time = Duration::from_secs(120), SOME,
        "Time for one call, from its start to the end of its reply.";
    /// Time that making native code of the program takes, before it runs. A language runtime of 40
    /// MiB takes half of it on a slow machine.
    compile_time "compile-time": Time = Duration::from_secs(60), SOME,
        "Time to compile the program.";
    /// Bytes of memory that making native code of the program takes. A hundred times the size of the
    /// largest programs known, language runtimes of 40 MiB.
    compile_memory "compile-memory": Bytes = 4096 * MIB, 64 * MIB..=u64::MAX,
        "Largest memory for compiling the program.";
}

/// The largest reply to an operation, in bytes. JSON takes up to twenty times its size in memory
/// while it is read; a hundred of an API's largest texts fit.
pub const OPERATION_REPLY: u32 = 8 << 20;

/// Bounds from flags or user configuration, which lower the policy's.
#[derive(Clone, Debug, Default)]
pub struct LowerBounds(Vec<(&'static Bound, Amount)>);

impl LowerBounds {
    /// Lowers `bound` to `amount` as well.
    pub fn lower(&mut self, bound: &'static Bound, amount: Amount) {
        self.0.push((bound, amount));
    }
}

/// A flag would have raised a bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`--{flag} {asked}` is more than the policy's `{flag} = {allowed}`")]
pub struct Widening {
    flag: &'static str,
    asked: String,
    allowed: String,
}

impl Widening {
    /// `AB0121`.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::WIDENING
    }

    /// The bound's name, which is the flag's without its dashes.
    #[must_use]
    pub fn flag(&self) -> &str {
        self.flag
    }

    /// What the policy allows, as it would be written there.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!(
            "flags may lower a bound, never raise it; change `{}` under `[run]`",
            self.flag
        )
    }
}

impl Bounds {
    /// These bounds, with the given ones lowered.
    ///
    /// # Errors
    ///
    /// When one of the given bounds is higher than it is here.
    pub fn lowered(mut self, lower: &LowerBounds) -> Result<Self, Widening> {
        for (bound, asked) in &lower.0 {
            let allowed = bound.of(&self);
            if asked.number() > allowed.number() {
                return Err(Widening {
                    flag: bound.name,
                    asked: asked.to_string(),
                    allowed: in_toml(allowed),
                });
            }
            bound.set(&mut self, *asked);
        }
        Ok(self)
    }

    /// The bounds that are higher here than in `other`: which, here, and there.
    pub(crate) fn higher_than<'b>(
        &'b self,
        other: &'b Self,
    ) -> impl Iterator<Item = (&'static Bound, Amount, Amount)> + 'b {
        ALL.iter()
            .map(|bound| (bound, bound.of(self), bound.of(other)))
            .filter(|(_, own, others)| own.number() > others.number())
    }
}

/// An amount as TOML writes it.
fn in_toml(amount: Amount) -> String {
    match amount {
        Amount::Count(count) => count.to_string(),
        amount => format!("\"{amount}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lower(name: &str, amount: Amount) -> LowerBounds {
        let mut lower = LowerBounds::default();
        lower.lower(Bound::named(name).expect("a bound"), amount);
        lower
    }

    #[test]
    fn a_flag_lowers_a_bound_and_leaves_the_others() {
        let second = Duration::from_secs(1);
        let lower = lower("cpu", Amount::Time(second));
        let bounds = Bounds::default().lowered(&lower).expect("lower");
        assert_eq!(
            bounds,
            Bounds {
                cpu: second,
                ..Bounds::default()
            }
        );
    }

    #[test]
    fn a_flag_that_raises_a_bound_is_refused_by_name() {
        let more = lower("memory", Amount::Bytes(1 << 30));
        let widening = Bounds::default().lowered(&more).expect_err("higher");
        assert_eq!(
            widening.to_string(),
            "`--memory 1 GiB` is more than the policy's `memory = \"256 MiB\"`"
        );
        assert_eq!(widening.code(), Code::WIDENING);
        let more = lower("calls", Amount::Count(10_001));
        let widening = Bounds::default().lowered(&more).expect_err("higher");
        assert_eq!(
            widening.to_string(),
            "`--calls 10001` is more than the policy's `calls = 10000`"
        );
    }

    #[test]
    fn an_equal_bound_is_no_widening() {
        let same = lower("memory", Amount::Bytes(256 << 20));
        assert_eq!(Bounds::default().lowered(&same), Ok(Bounds::default()));
    }

    #[test]
    fn a_bound_says_its_amount_its_key_and_its_flag() {
        let bounds = Bounds {
            wall: Duration::from_millis(500),
            ..Bounds::default()
        };
        assert_eq!(
            Bound::wall().allowed_by(&bounds),
            "the 500ms that `[run] wall` and `--wall` allow"
        );
        assert_eq!(
            Bound::reply_body().allowing(Amount::Bytes(64 * MIB)),
            "the 64 MiB that `[run] reply-body` and `--reply-body` allow"
        );
    }

    #[test]
    fn every_bound_reads_what_was_written_to_it_and_its_default_is_in_its_range() {
        for bound in Bound::all() {
            let mut bounds = Bounds::default();
            assert!(bound.allows(bound.of(&bounds)), "{}", bound.name);
            let amount = match bound.unit {
                Unit::Bytes => Amount::Bytes(12345),
                Unit::Count => Amount::Count(12345),
                Unit::Time => Amount::Time(Duration::from_millis(12345)),
            };
            bound.set(&mut bounds, amount);
            assert_eq!(bound.of(&bounds), amount, "{}", bound.name);
            let higher: Vec<_> = bounds.higher_than(&Bounds::default()).collect();
            let lower: Vec<_> = Bounds::default().higher_than(&bounds).collect();
            assert_eq!(higher.len() + lower.len(), 1, "{}", bound.name);
        }
    }
}
