//! Readers of escaped text, one byte at a time.

/// The readings of a reply, besides the one as it stands, in which keys are looked for: an escape,
/// or one wrapped in another, outermost first.
pub(super) const READINGS: [Reading; 6] = [
    Reading {
        name: "percent-encoded",
        escapes: &[Escape::Percent],
    },
    Reading {
        name: "json-escaped",
        escapes: &[Escape::Json],
    },
    Reading {
        name: "percent-encoded json",
        escapes: &[Escape::Percent, Escape::Json],
    },
    Reading {
        name: "json-escaped percent-encoding",
        escapes: &[Escape::Json, Escape::Percent],
    },
    Reading {
        name: "percent-encoded twice",
        escapes: &[Escape::Percent, Escape::Percent],
    },
    Reading {
        name: "json-escaped twice",
        escapes: &[Escape::Json, Escape::Json],
    },
];

/// How many times longer a text can be than what it reads as: `\u0041` for `A`, twice.
pub(super) const LONGEST_ESCAPE: usize = 6 * 6;

/// A way to read a text.
pub(super) struct Reading {
    pub(super) name: &'static str,
    escapes: &'static [Escape],
}

/// A way to write bytes that a reader undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\u0041`, `\/`, `\n` and the like, and JavaScript's `\x41`. A backslash before any other
    /// character stands for that character.
    Json,
    /// `%41`, in either case. What is no escape stands for itself.
    Percent,
}

/// Whether `byte` can begin an escape.
pub(super) fn begins_escape(byte: u8) -> bool {
    byte == b'%' || byte == b'\\'
}

/// A text being read in one of the [`READINGS`].
#[derive(Clone, Debug)]
pub(super) struct Reader {
    reading: &'static Reading,
    decoders: [Decoder; 2],
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Reader {
    pub(super) fn new(reading: &'static Reading) -> Self {
        let decoder = |at: usize| Decoder::new(*reading.escapes.get(at).unwrap_or(&Escape::Json));
        Self {
            reading,
            decoders: [decoder(0), decoder(1)],
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.reading.name
    }

    /// Reads one more byte and hands out what became clear by it.
    #[inline]
    pub(super) fn read(&mut self, byte: u8, mut out: impl FnMut(u8)) {
        let [outer, inner] = &mut self.decoders;
        if self.reading.escapes.len() == 1 {
            outer.read(byte, &mut out);
        } else {
            outer.read(byte, &mut |byte| inner.read(byte, &mut out));
        }
    }

    /// The text ends here: hands out what was waiting for more.
    pub(super) fn finish(&mut self, mut out: impl FnMut(u8)) {
        let [outer, inner] = &mut self.decoders;
        if self.reading.escapes.len() == 1 {
            outer.give_up(&mut out);
        } else {
            outer.give_up(&mut |byte| inner.read(byte, &mut out));
            inner.give_up(&mut out);
        }
    }
}

/// Undoes one kind of escape.
#[derive(Clone, Debug)]
struct Decoder {
    escape: Escape,
    /// An escape that has begun and not ended: at most `\u004`.
    begun: [u8; 5],
    length: usize,
}

impl Decoder {
    fn new(escape: Escape) -> Self {
        Self {
            escape,
            begun: [0; 5],
            length: 0,
        }
    }

    #[inline]
    fn read(&mut self, byte: u8, out: &mut impl FnMut(u8)) {
        if self.length == 0 && byte != self.opener() {
            return out(byte);
        }
        self.read_escape(byte, out);
    }

    fn read_escape(&mut self, byte: u8, out: &mut impl FnMut(u8)) {
        let begun = &self.begun[..self.length];
        let digits = match (self.escape, begun) {
            (_, []) => return self.wait(byte),
            (Escape::Percent, _) => 2,
            (Escape::Json, [_]) if byte == b'u' || byte == b'x' => return self.wait(byte),
            (Escape::Json, [_]) => {
                self.length = 0;
                return out(named(byte));
            }
            (Escape::Json, [_, b'u', ..]) => 4,
            (Escape::Json, _) => 2,
        };
        if !byte.is_ascii_hexdigit() {
            self.give_up(out);
            return self.read(byte, out);
        }
        let lead = match self.escape {
            Escape::Json => 2,
            Escape::Percent => 1,
        };
        if self.length + 1 < lead + digits {
            return self.wait(byte);
        }
        let value = begun[lead..].iter().chain([&byte]).fold(0, |value, digit| {
            value << 4 | char::from(*digit).to_digit(16).unwrap_or_default()
        });
        self.length = 0;
        // A character beyond one byte is in no key; any byte that is in none stands for it.
        out(u8::try_from(value).unwrap_or(0xff));
    }

    fn wait(&mut self, byte: u8) {
        self.begun[self.length] = byte;
        self.length += 1;
    }

    /// What has begun is no escape after all.
    fn give_up(&mut self, out: &mut impl FnMut(u8)) {
        let length = std::mem::take(&mut self.length);
        for byte in &self.begun[..length] {
            out(*byte);
        }
    }

    fn opener(&self) -> u8 {
        match self.escape {
            Escape::Json => b'\\',
            Escape::Percent => b'%',
        }
    }
}

/// What a backslash before `byte` stands for.
fn named(byte: u8) -> u8 {
    match byte {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reading: &str, text: &str, expected: &str) {
        let reading = READINGS
            .iter()
            .find(|known| known.name == reading)
            .expect("a reading");
        let mut reader = Reader::new(reading);
        let mut read = Vec::new();
        for byte in text.bytes() {
            reader.read(byte, |byte| read.push(byte));
        }
        reader.finish(|byte| read.push(byte));
        assert_eq!(String::from_utf8_lossy(&read), expected, "{text}");
    }

    #[test]
    fn percent_escapes_are_undone_and_what_is_none_stays() {
        check("percent-encoded", "a%41%7e%7Eb", "aA~~b");
        check(
            "percent-encoded",
            "100% %4 %4%41 %%41 %zz%",
            "100% %4 %4A %A %zz%",
        );
        check("percent-encoded twice", "%2541%25%34%31", "AA");
    }

    #[test]
    fn json_escapes_are_undone_and_what_is_none_stays() {
        check("json-escaped", r"\u0041\u004a\/\\\x41\n\q", "AJ/\\A\nq");
        check("json-escaped", r"\u00\u0041\u12\", r"\u00A\u12\");
        check("json-escaped", r"\u20ac", "\u{fffd}");
        check(
            "json-escaped twice",
            r"\\u0041\u005c\u0075\u0030\u0030\u0034\u0031",
            "AA",
        );
    }

    #[test]
    fn one_kind_of_escape_may_wrap_the_other() {
        check("percent-encoded json", "%5Cu0041%5c%754%31", "A\\u41");
        check(
            "json-escaped percent-encoding",
            r"\u002541%\u0034\u0031",
            "AA",
        );
    }
}
