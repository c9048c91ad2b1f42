//! How two policies differ, as text and as Markdown.

use agentbox_policy::{Change, ChangeKind};

/// Each grant and which way it differs, what is new of it and what is gone; and all in a sentence.
pub(crate) fn text(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        text.push_str(&format!("{}: {}\n", change.grant, change.kind));
        for (word, what) in sentences(change) {
            text.push_str(&format!("  {word}: {what}\n"));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + verdict(changes)
}

/// The same as a list for a comment on a change.
///
/// What the policies say stands in code spans, where nothing is a link, a name or a tag.
pub(crate) fn markdown(changes: &[Change]) -> String {
    let mut text = format!("**{}**\n", verdict(changes));
    for (at, change) in changes.iter().enumerate() {
        if at == 0 {
            text.push('\n');
        }
        let grant = code(&change.grant);
        text.push_str(&format!("- {grant}: {}\n", change.kind));
        for (word, what) in sentences(change) {
            text.push_str(&format!("  - {word}: {}\n", spans(what)));
        }
    }
    text
}

fn sentences(change: &Change) -> impl Iterator<Item = (&'static str, &str)> {
    let gained = change.gained.iter().map(|what| ("now", what.as_str()));
    let lost = change.lost.iter().map(|what| ("no longer", what.as_str()));
    gained.chain(lost)
}

fn verdict(changes: &[Change]) -> &'static str {
    let any = |kind| changes.iter().any(|change| change.kind == kind);
    if changes.iter().any(|change| change.kind.adds_access()) {
        "The new policy allows something that the old one does not."
    } else if any(ChangeKind::Narrower) {
        "The new policy allows less than the old one, and nothing more."
    } else {
        "Both policies allow the same."
    }
}

/// A text whose quotes, in backticks, become code spans; all else of it is shown as it is.
fn spans(text: &str) -> String {
    let pieces: Vec<_> = text.split('`').collect();
    // Without a partner for each backtick it cannot be told what is quoted.
    if pieces.len() % 2 == 0 {
        return code(text);
    }
    pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| match at % 2 {
            0 => escaped(piece),
            _ => code(piece),
        })
        .collect()
}

/// A code span.
fn code(text: &str) -> String {
    let text = text.replace('`', "\\u{60}");
    if text.is_empty() {
        String::new()
    } else {
        format!("`{text}`")
    }
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_punctuation() && !",.;'()/-".contains(letter) {
            shown.push('\\');
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_says_stays_inside_of_code_spans() {
        for (text, expected) in [
            ("it may call `GET /a`, twice", "it may call `GET /a`, twice"),
            ("<b> @you #1", "\\<b\\> \\@you \\#1"),
            ("one ` alone <b>", "`one \\u{60} alone <b>`"),
            ("it is `` and <b>", "it is  and \\<b\\>"),
        ] {
            assert_eq!(spans(text), expected);
        }
        assert_eq!(code("files.\"/a`b\""), "`files.\"/a\\u{60}b\"`");
    }
}
