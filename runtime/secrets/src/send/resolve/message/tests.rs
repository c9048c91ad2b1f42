//! Answers of all kinds, most of them of a server that means ill.

use super::*;
use crate::testing::Random;

const NAME_ASKED: &str = "api.widgets.example";

fn question(kind: Kind) -> Question {
    Question::new(0x1234, NAME_ASKED, kind).expect("a name")
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels
        .flat_map(|label| {
            [
                &[u8::try_from(label.len()).expect("short")],
                label.as_bytes(),
            ]
            .concat()
        })
        .collect();
    wire.push(0);
    wire
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short");
    let head = [
        kind.to_be_bytes(),
        [0, 1],
        [0, 0],
        [0, 60],
        length.to_be_bytes(),
    ]
    .concat();
    [owner, &head, data].concat()
}

fn a(owner: &str, last: u8) -> Vec<u8> {
    record(&wire(owner), 1, &[10, 0, 0, last])
}

fn cname(owner: &str, target: &str) -> Vec<u8> {
    record(&wire(owner), 5, &wire(target))
}

/// An answer to `question` with these flags and these records.
fn answer(question: &Question, flags: [u8; 2], records: &[Vec<u8>]) -> Vec<u8> {
    let mut message = question.bytes.clone();
    message[2..4].copy_from_slice(&flags);
    let count = u16::try_from(records.len()).expect("few");
    message[6..8].copy_from_slice(&count.to_be_bytes());
    message.extend(records.concat());
    message
}

const GOOD: [u8; 2] = [0x81, 0x80];

fn read(records: &[Vec<u8>]) -> Reading {
    let question = question(Kind::V4);
    question.read(&answer(&question, GOOD, records))
}

fn found(lasts: &[u8]) -> Reading {
    Reading::Addresses(lasts.iter().map(|last| [10, 0, 0, *last].into()).collect())
}

const MALFORMED: Reading = Reading::Failed("the DNS server's answer is malformed");

#[test]
fn a_question_is_one_name_one_type_and_no_more() {
    let bytes = question(Kind::V6).bytes;
    let expected = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03api\x07widgets\x07example\0\0\x1c\0\x01";
    assert_eq!(bytes, expected);
    let long = "a".repeat(64);
    let deep = vec!["abcdefg"; 32].join(".");
    for odd in ["", ".", "a..b", "a.", &long, &deep] {
        assert!(Question::new(1, odd, Kind::V4).is_none(), "{odd}");
    }
}

#[test]
fn addresses_of_the_name_are_found_and_no_others() {
    assert_eq!(read(&[a(NAME_ASKED, 1), a(NAME_ASKED, 2)]), found(&[1, 2]));
    assert_eq!(read(&[]), found(&[]));
    // Names are the same in any case, and can point at what is said already.
    assert_eq!(read(&[a("API.Widgets.EXAMPLE", 1)]), found(&[1]));
    assert_eq!(read(&[record(&[0xc0, 12], 1, &[10, 0, 0, 1])]), found(&[1]));
    // D15: what is of another name, type or class is passed over.
    let https = record(&wire(NAME_ASKED), 65, b"\0\x01\0\0\x03\0\x02\x01\xbb");
    let v6 = record(&wire(NAME_ASKED), 28, &[0; 16]);
    let mut chaos = a(NAME_ASKED, 9);
    let class = wire(NAME_ASKED).len() + 3;
    chaos[class] = 3;
    let other = a("other.example", 8);
    assert_eq!(
        read(&[https, v6, chaos, other, a(NAME_ASKED, 1)]),
        found(&[1])
    );
}

#[test]
fn d05_aliases_are_followed_in_any_order_and_so_far() {
    let one = [a("edge.example", 1), cname(NAME_ASKED, "edge.example")];
    assert_eq!(read(&one), found(&[1]));
    let chain = |length: usize| {
        let name = |n: usize| {
            if n == 0 {
                NAME_ASKED.to_owned()
            } else {
                format!("n{n}.example")
            }
        };
        let mut records: Vec<_> = (0..length).map(|n| cname(&name(n), &name(n + 1))).collect();
        records.push(a(&name(length), 7));
        read(&records)
    };
    assert_eq!(chain(ALIASES), found(&[7]));
    let long = Reading::Failed("the name is an alias of an alias, too many times");
    assert_eq!(chain(ALIASES + 1), long);
    assert_eq!(chain(20), long);
    let around = [
        cname(NAME_ASKED, "b.example"),
        cname("b.example", NAME_ASKED),
    ];
    assert_eq!(read(&around), long);
    assert_eq!(read(&[cname(NAME_ASKED, NAME_ASKED)]), long);
    assert_eq!(read(&[cname(NAME_ASKED, "nowhere.example")]), found(&[]));
}

#[test]
fn what_answers_something_else_is_not_ours() {
    let asked = question(Kind::V4);
    let good = answer(&asked, GOOD, &[a(NAME_ASKED, 1)]);
    assert_eq!(asked.read(&good), found(&[1]));
    let changed = |at: usize, to: u8| {
        let mut message = good.clone();
        message[at] = to;
        asked.read(&message)
    };
    // Its id, that it is an answer, how many questions it answers, and which.
    for (at, to) in [
        (0, 0),
        (1, 0),
        (2, 0x01),
        (2, 0x89),
        (5, 0),
        (5, 2),
        (13, b'x'),
        (34, 28),
    ] {
        assert_eq!(changed(at, to), Reading::NotOurs, "byte {at}");
    }
    for length in 0..asked.bytes.len() {
        assert_eq!(asked.read(&good[..length]), Reading::NotOurs, "{length}");
    }
    let other = Question::new(0x1234, "api.widgets.test", Kind::V4).expect("a name");
    assert_eq!(asked.read(&answer(&other, GOOD, &[])), Reading::NotOurs);
}

#[test]
fn d11_what_a_server_cannot_say_is_told_apart() {
    let asked = question(Kind::V4);
    let flagged = |flags| asked.read(&answer(&asked, flags, &[a(NAME_ASKED, 1)]));
    assert_eq!(flagged([0x83, 0x80]), Reading::Truncated);
    for (code, what) in [
        (2, "the DNS server failed to find out"),
        (3, "there is no such name"),
        (5, "the DNS server refuses to say"),
        (1, "the DNS server answered with an error"),
        (15, "the DNS server answered with an error"),
    ] {
        assert_eq!(flagged([0x81, 0x80 | code]), Reading::Failed(what));
    }
}

#[test]
fn d11_a_message_that_is_broken_anywhere_is_malformed() {
    let asked = question(Kind::V4);
    let good = answer(
        &asked,
        GOOD,
        &[a(NAME_ASKED, 1), cname("b.example", "c.example")],
    );
    for length in asked.bytes.len()..good.len() {
        assert_eq!(asked.read(&good[..length]), MALFORMED, "{length}");
    }
    let mut many = good.clone();
    many[6..8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(asked.read(&many), MALFORMED);
    for data in [&[10, 0, 0][..], &[10, 0, 0, 1, 2], &[]] {
        assert_eq!(read(&[record(&wire(NAME_ASKED), 1, data)]), MALFORMED);
    }
    // A name that points at itself, forwards, in a circle, or is too long, or of a strange kind.
    let here = u8::try_from(asked.bytes.len()).expect("short");
    let owners: [Vec<u8>; 5] = [
        vec![0xc0, here],
        vec![0xc0, here + 2],
        [&[1, b'a', 0xc0, here][..], &[0]].concat(),
        [vec![63; 64 * 4], vec![0]].concat(),
        vec![0x80, 0],
    ];
    for owner in owners {
        assert_eq!(
            read(&[record(&owner, 1, &[10, 0, 0, 1])]),
            MALFORMED,
            "{owner:?}"
        );
    }
}

/// An answer to `asked` that begins with `first`, and has `again` as often as there is room.
fn longest(asked: &Question, first: Vec<u8>, again: &[u8]) -> Vec<u8> {
    let count = (65_535 - asked.bytes.len() - first.len()) / again.len();
    let records = [vec![first], vec![again.to_vec(); count]].concat();
    answer(asked, GOOD, &records)
}

#[test]
fn d11_an_answer_as_long_as_there_are_is_read_whole() {
    let asked = question(Kind::V4);
    let first = a(NAME_ASKED, 1);
    let again = record(&[0xc0, 12], 1, &[10, 0, 0, 2]);
    let message = longest(&asked, first, &again);
    let Reading::Addresses(addresses) = asked.read(&message) else {
        panic!("it is not read");
    };
    assert!(addresses.len() > 4000, "{}", addresses.len());
}

#[test]
fn d11_names_without_end_are_not_read() {
    let asked = question(Kind::V4);
    // The longest name, and then pointers to it as long as there is room.
    let deep: Vec<u8> = [[1, b'a'].repeat(126), vec![0]].concat();
    let first = record(&deep, 5, &wire("b.example"));
    let at = u8::try_from(asked.bytes.len()).expect("short");
    let pointer = record(&[0xc0, at], 5, &[0xc0, at]);
    assert_eq!(asked.read(&longest(&asked, first, &pointer)), MALFORMED);
}

#[test]
fn d11_a_chain_of_pointers_is_followed_so_far_and_no_further() {
    let asked = question(Kind::V4);
    // A record of another type, whose data is a chain of pointers that ends with the name asked for.
    let start = u16::try_from(asked.bytes.len() + 11).expect("short");
    let chained = |pointers: u16| {
        let mut data = Vec::new();
        let mut last = 12_u16;
        for at in (start..).step_by(2).take(usize::from(pointers)) {
            data.extend((0xc000 | last).to_be_bytes());
            last = at;
        }
        let first = record(&[0], 16, &data);
        (first, (0xc000 | last).to_be_bytes())
    };
    let (first, pointer) = chained(15);
    let one = record(&pointer, 1, &[10, 0, 0, 1]);
    let message = answer(&asked, GOOD, &[first, one]);
    assert_eq!(asked.read(&message), found(&[1]));
    let (first, pointer) = chained(16);
    let one = record(&pointer, 1, &[10, 0, 0, 1]);
    let message = answer(&asked, GOOD, &[first, one]);
    assert_eq!(asked.read(&message), MALFORMED);
    // As long as there are, pointed to by as many records as there is room for.
    let (first, pointer) = chained(8000);
    let again = record(&pointer, 5, &pointer);
    let message = longest(&asked, first, &again);
    let began = std::time::Instant::now();
    assert_eq!(asked.read(&message), MALFORMED);
    assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
}

#[test]
fn d11_no_message_breaks_its_reader() {
    let mut random = Random::new(11);
    let asked = question(Kind::V4);
    let whole = answer(
        &asked,
        GOOD,
        &[
            cname(NAME_ASKED, "b.example"),
            record(&[0xc0, 12], 1, &[10, 0, 0, 1]),
            a("b.example", 2),
        ],
    );
    let mut read_well = 0;
    for _ in 0..200_000 {
        let mut message = whole.clone();
        for _ in 0..random.below(4) {
            let at = random.below(message.len());
            message[at] = u8::try_from(random.below(256)).expect("a byte");
        }
        message.truncate(message.len() - random.pick(&[0, 0, 0, 1, 9]));
        read_well += usize::from(matches!(asked.read(&message), Reading::Addresses(_)));
    }
    assert!(read_well > 1000, "{read_well}");
}
