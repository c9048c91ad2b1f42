//! Pointers into an API's JSON, as a connector writes them.

use std::fmt;

use crate::shape::{Pointer, Step};

/// The deepest pointer.
const DEEPEST: usize = 64;

impl Pointer {
    /// Reads an RFC 6901 pointer that may hold one `*`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a pointer is empty, or starts with `/`");
        };
        let steps: Vec<_> = rest.split('/').map(step).collect::<Result<_, _>>()?;
        if steps.len() > DEEPEST {
            return Err("a pointer has at most 64 steps");
        }
        if steps.iter().filter(|step| **step == Step::Each).count() > 1 {
            return Err("a pointer has at most one `*`");
        }
        Ok(Self(steps))
    }

    /// Whether it stands for a list of places.
    pub(crate) fn is_each(&self) -> bool {
        self.0.contains(&Step::Each)
    }
}

fn step(text: &str) -> Result<Step, &'static str> {
    if text == "*" {
        return Ok(Step::Each);
    }
    let mut escapes = text.split('~').skip(1);
    if !escapes.all(|rest| rest.starts_with(['0', '1'])) {
        return Err("in a pointer `~` is written `~0`, and `/` within a key `~1`");
    }
    Ok(Step::Key(text.replace("~1", "/").replace("~0", "~")))
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Each => f.write_str("/*")?,
                Step::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_prints_as_it_was_written() {
        for text in ["", "/", "/a", "/a/0/b", "/a/*/b", "/a~1b/~0", "/*"] {
            let pointer = Pointer::parse(text).expect(text);
            assert_eq!(pointer.to_string(), text);
        }
        let escaped = Pointer::parse("/a~1b/~01").expect("a pointer");
        let keys = ["a/b", "~1"].map(|key| Step::Key(key.to_owned()));
        assert_eq!(escaped.0, keys);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "/~", "/a~2", "/*/a/*", "#/a"] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
        assert!(Pointer::parse(&"/a".repeat(65)).is_err());
    }
}
