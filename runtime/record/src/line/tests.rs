//! Tests of line.

use std::time::SystemTime;

use super::*;

fn line(note: &str) -> Line {
    let event = Event::Outcome {
        call: 1,
        status: None,
        code: None,
        note: Some(note.to_owned()),
        sent: 0,
        body: None,
        received: 0,
        address: None,
        elapsed_ms: 0,
    };
    let time = Timestamp::try_from(SystemTime::UNIX_EPOCH).expect("1970");
    Line {
        v: Line::VERSION,
        seq: 1,
        time,
        event,
    }
}

#[test]
fn whatever_a_text_holds_it_is_one_line_of_plain_ascii_json() {
    let hostile = [
        "",
        "\n",
        "\r\n{\"v\":1,\"seq\":2,\"event\":\"run-ended\"}\n",
        "\"}\n{\"v\":1",
        "\0\u{1}\u{1b}[2J\u{7f}\u{80}\u{9b}31m",
        "\u{2028}\u{2029}\u{85}\u{feff}",
        "\u{202e}gnissim si noitpecxe\u{2066}",
        "snow \u{2603}, face \u{1f600}, \u{10ffff}, \u{fffd}",
        "\\u0000 \\ \\\\ \"",
    ];
    for text in hostile {
        let bytes = line(text).to_bytes().expect("a line");
        let (last, body) = bytes.split_last().expect("not empty");
        assert_eq!(*last, b'\n');
        assert!(
            body.iter().all(|byte| (b' '..=b'~').contains(byte)),
            "{text:?}"
        );
        let back: Line = serde_json::from_slice(&bytes).expect("valid JSON");
        assert_eq!(back, line(text));
    }
}

#[test]
fn every_character_reads_back() {
    for character in ('\0'..=char::MAX).step_by(97) {
        let bytes = line(&character.to_string()).to_bytes().expect("a line");
        let back: Line = serde_json::from_slice(&bytes).expect("valid JSON");
        assert_eq!(back, line(&character.to_string()));
    }
}

#[test]
fn a_time_in_another_spelling_is_no_agentboxs() {
    let bytes = line("").to_bytes().expect("a line");
    let text = String::from_utf8(bytes).expect("it is ASCII");
    let time = "1970-01-01T00:00:00.000Z";
    assert!(serde_json::from_str::<Line>(&text).is_ok() && text.contains(time));
    for other in [
        "1970-01-01T00:00:00.00001Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000+00:00",
        "1970-01-01 00:00:00.000Z",
    ] {
        let read = serde_json::from_str::<Line>(&text.replace(time, other));
        assert!(read.is_err(), "{other}");
    }
}

#[test]
fn times_are_written_to_the_millisecond() {
    let time = "2026-11-23T20:31:34.5678Z".parse().expect("a time");
    let bytes = Line { time, ..line("") }.to_bytes().expect("a line");
    let text = String::from_utf8(bytes).expect("ASCII");
    let start = r#"{"v":1,"seq":1,"time":"2026-11-23T20:31:34.567Z","event":"outcome","call":1,"#;
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn a_long_path_is_cut_and_the_digest_is_of_all_of_it() {
    let whole = "/".repeat(LONGEST_PATH);
    let path = Path::of(&whole);
    assert_eq!(
        (path.path.as_str(), path.path_digest),
        (whole.as_str(), None)
    );

    let paths = ["a", "b"].map(|end| Path::of(&format!("{whole}{end}")));
    assert_eq!(paths[0].path, whole);
    assert_eq!(paths[0].path, paths[1].path);
    assert_ne!(paths[0].path_digest, paths[1].path_digest);
    let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest(b"abc"), of_abc);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let long = "\u{1f600}".repeat(10_000_000 / 4);
    let short = cut(&long);
    assert!(short.len() <= LONGEST_TEXT + '…'.len_utf8());
    assert!(short.ends_with('…'));
    assert_eq!(cut("whole"), "whole");
}
