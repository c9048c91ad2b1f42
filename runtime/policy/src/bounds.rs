//! The bounds of one run, and lowering them.

use std::time::Duration;

use crate::code::Code;
use crate::units::{print_bytes, print_duration};

/// What one run may use at most: the `[run]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all the program's memories together. 256 MiB holds an interpreter and its data,
    /// and bulk memory operations, which cannot be interrupted, stay short.
    pub memory: u64,
    /// Time spent computing, not waiting. Ten seconds is far more than glue between calls needs.
    pub cpu: Duration,
    /// All of the run, without time spent waiting for a person. Two minutes: a person still waits.
    pub wall: Duration,
    /// Bytes of standard output and standard error together. 64 MiB is no longer read by anyone.
    pub output: u64,
    /// Bytes of the arguments of an operation, or of a request by name, as JSON. A mebibyte is more
    /// text than an API takes in a field, and is read at once.
    pub arguments: u64,
    /// Bytes of one request's body. 16 MiB holds a file that an API takes in one piece.
    pub request_body: u64,
    /// Bytes of one reply's body. 64 MiB holds a large download.
    pub reply_body: u64,
    /// From the first packet to the end of the TLS handshake. Ten seconds outlasts three lost
    /// packets in a row.
    pub connect: Duration,
    /// From the request's end to the reply's head. A minute: language models think.
    pub first_byte: Duration,
    /// One whole call, from connecting to the last byte of the reply.
    pub call: Duration,
}

/// The largest reply to an operation, in bytes. JSON takes up to twenty times its size in memory
/// while it is read; a hundred of an API's largest texts fit.
pub const OPERATION_REPLY: u32 = 8 << 20;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(120),
            output: 64 << 20,
            arguments: 1 << 20,
            request_body: 16 << 20,
            reply_body: 64 << 20,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            call: Duration::from_secs(120),
        }
    }
}

/// Bounds from flags or user configuration; `None` leaves the policy's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LowerBounds {
    /// `--memory`, in bytes.
    pub memory: Option<u64>,
    /// `--cpu`.
    pub cpu: Option<Duration>,
    /// `--wall`.
    pub wall: Option<Duration>,
    /// `--output`, in bytes.
    pub output: Option<u64>,
    /// `--arguments`, in bytes.
    pub arguments: Option<u64>,
    /// `--request-body`, in bytes.
    pub request_body: Option<u64>,
    /// `--reply-body`, in bytes.
    pub reply_body: Option<u64>,
    /// `--connect`.
    pub connect: Option<Duration>,
    /// `--first-byte`.
    pub first_byte: Option<Duration>,
    /// `--call`.
    pub call: Option<Duration>,
}

/// A flag would have raised a bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`--{flag} {asked}` is more than the policy's `{flag} = \"{allowed}\"`")]
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
        let (bytes, time) = (print_bytes, print_duration);
        lower_one(&mut self.memory, lower.memory, "memory", bytes)?;
        lower_one(&mut self.cpu, lower.cpu, "cpu", time)?;
        lower_one(&mut self.wall, lower.wall, "wall", time)?;
        lower_one(&mut self.output, lower.output, "output", bytes)?;
        lower_one(&mut self.arguments, lower.arguments, "arguments", bytes)?;
        lower_one(
            &mut self.request_body,
            lower.request_body,
            "request-body",
            bytes,
        )?;
        lower_one(&mut self.reply_body, lower.reply_body, "reply-body", bytes)?;
        lower_one(&mut self.connect, lower.connect, "connect", time)?;
        lower_one(&mut self.first_byte, lower.first_byte, "first-byte", time)?;
        lower_one(&mut self.call, lower.call, "call", time)?;
        Ok(self)
    }
}

fn lower_one<T: Copy + PartialOrd>(
    bound: &mut T,
    lower: Option<T>,
    flag: &'static str,
    print: fn(T) -> String,
) -> Result<(), Widening> {
    match lower {
        Some(lower) if lower > *bound => Err(Widening {
            flag,
            asked: print(lower),
            allowed: print(*bound),
        }),
        Some(lower) => {
            *bound = lower;
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_lowers_a_bound_and_leaves_the_others() {
        let lower = LowerBounds {
            cpu: Some(Duration::from_secs(1)),
            ..LowerBounds::default()
        };
        let bounds = Bounds::default().lowered(&lower).expect("lower");
        assert_eq!(
            bounds,
            Bounds {
                cpu: Duration::from_secs(1),
                ..Bounds::default()
            }
        );
    }

    #[test]
    fn a_flag_that_raises_a_bound_is_refused_by_name() {
        let lower = LowerBounds {
            memory: Some(1 << 30),
            ..LowerBounds::default()
        };
        let widening = Bounds::default().lowered(&lower).expect_err("higher");
        assert_eq!(
            widening.to_string(),
            "`--memory 1 GiB` is more than the policy's `memory = \"256 MiB\"`"
        );
        assert_eq!(widening.code(), Code::WIDENING);
    }

    #[test]
    fn an_equal_bound_is_no_widening() {
        let lower = LowerBounds {
            memory: Some(256 << 20),
            ..LowerBounds::default()
        };
        assert_eq!(Bounds::default().lowered(&lower), Ok(Bounds::default()));
    }
}
