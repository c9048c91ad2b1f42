//! The slow and obvious twin of the search, and a writer of the spellings both must find. Shares
//! no code with the search.

use agentbox_policy::Placement;

use crate::testing::Random;

/// Whether `text` holds `key` in any form that the search promises to find.
pub(super) fn holds(text: &[u8], key: &[u8], placement: &Placement) -> bool {
    let percent = unpercent(text);
    let json = unjson(text);
    let readings = [
        text.to_vec(),
        unjson(&percent),
        unpercent(&percent),
        unpercent(&json),
        unjson(&json),
        percent,
        json,
    ];
    let forms = forms(key, placement);
    readings.iter().any(|text| {
        let lower = text.to_ascii_lowercase();
        forms.iter().any(|form| match form {
            Form::Exact(bytes) => contains(text, bytes),
            Form::Hex(bytes) => contains(&lower, bytes),
        })
    })
}

enum Form {
    Exact(Vec<u8>),
    Hex(Vec<u8>),
}

fn forms(key: &[u8], placement: &Placement) -> Vec<Form> {
    let mut texts = vec![key.to_vec()];
    if let Placement::Basic { user } = placement {
        texts.push(decided_digits(key, (user.len() + 1) % 3, false));
    }
    let mut forms = Vec::new();
    for text in texts {
        for before in 0..3 {
            forms.push(Form::Exact(decided_digits(&text, before, false)));
            forms.push(Form::Exact(decided_digits(&text, before, true)));
        }
        let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(Form::Hex(hex.into_bytes()));
        forms.push(Form::Exact(text));
    }
    forms.push(Form::Exact(
        key.iter()
            .map(|b| if *b == b' ' { b'+' } else { *b })
            .collect(),
    ));
    forms
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The base64 digits that are the same whatever stands around `text`: by trying.
fn decided_digits(text: &[u8], before: usize, url_safe: bool) -> Vec<u8> {
    let around = [0x00, 0xff].map(|byte| {
        let whole = [&vec![byte; before][..], text, &[byte; 3]].concat();
        base64(&whole, url_safe)
    });
    let start = (0..4)
        .find(|at| around[0][*at] == around[1][*at])
        .expect("a digit of the key");
    let length = (start..)
        .find(|at| around[0][*at] != around[1][*at])
        .expect("an end")
        - start;
    around[0][start..start + length].to_vec()
}

fn base64(bytes: &[u8], url_safe: bool) -> Vec<u8> {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let digit = |bits: &[u8]| {
        let value = (0..6).fold(0, |value, at| value * 2 + bits.get(at).unwrap_or(&0));
        match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => {
                if url_safe {
                    b'-'
                } else {
                    b'+'
                }
            }
            _ => {
                if url_safe {
                    b'_'
                } else {
                    b'/'
                }
            }
        }
    };
    let mut text: Vec<u8> = bits.chunks(6).map(digit).collect();
    while !text.len().is_multiple_of(4) {
        text.push(b'=');
    }
    text
}

fn unpercent(text: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match digits(text, at + 1, 2) {
            Some(value) if text[at] == b'%' => {
                read.push(u8::try_from(value).expect("two digits"));
                at += 3;
            }
            _ => {
                read.push(text[at]);
                at += 1;
            }
        }
    }
    read
}

fn unjson(text: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let follows = text.get(at + 1).copied();
        let length = match follows {
            Some(b'u') => 4,
            Some(b'x') => 2,
            _ => 0,
        };
        match (text[at], follows) {
            (b'\\', Some(b'u' | b'x')) => match digits(text, at + 2, length) {
                Some(value) => {
                    read.push(u8::try_from(value).unwrap_or(0xff));
                    at += 2 + length;
                }
                None => {
                    // What is no escape stands as it is, as far as it looked like one.
                    let run = text[at + 2..]
                        .iter()
                        .take(length)
                        .take_while(|b| b.is_ascii_hexdigit());
                    let end = at + 2 + run.count();
                    read.extend_from_slice(&text[at..end]);
                    at = end;
                }
            },
            (b'\\', Some(letter)) => {
                let named = b"bfnrt".iter().position(|known| *known == letter);
                read.push(named.map_or(letter, |at| b"\x08\x0c\n\r\t"[at]));
                at += 2;
            }
            (byte, _) => {
                read.push(byte);
                at += 1;
            }
        }
    }
    read
}

fn digits(text: &[u8], at: usize, length: usize) -> Option<u32> {
    let digits = text.get(at..at + length)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// How a key is written.
#[derive(Clone, Debug)]
pub(super) struct Spelling {
    encoding: Encoding,
    /// Innermost first; at most two.
    escapes: Vec<Escaping>,
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Base64 {
        before: usize,
        padded: bool,
        url_safe: bool,
    },
    Hex {
        upper: bool,
    },
    MixedHex,
    Plain,
    Rendered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escaping {
    Json { all: bool },
    Percent { all: bool },
}

const ESCAPINGS: [Escaping; 4] = [
    Escaping::Json { all: true },
    Escaping::Json { all: false },
    Escaping::Percent { all: true },
    Escaping::Percent { all: false },
];

impl Spelling {
    pub(super) fn random(random: &mut Random, placement: &Placement) -> Self {
        let encoding = match random.below(5) {
            0 => Encoding::Plain,
            1 => Encoding::Hex {
                upper: random.one_in(2),
            },
            2 => Encoding::MixedHex,
            3 if matches!(placement, Placement::Basic { .. }) => Encoding::Rendered,
            _ => Encoding::Base64 {
                before: random.below(6),
                padded: random.one_in(2),
                url_safe: random.one_in(2),
            },
        };
        let escapes = (0..random.below(3))
            .map(|_| random.pick(&ESCAPINGS))
            .collect();
        Self { encoding, escapes }
    }

    /// One of each kind.
    pub(super) fn all() -> Vec<Self> {
        let mut encodings = vec![
            Encoding::Plain,
            Encoding::Rendered,
            Encoding::MixedHex,
            Encoding::Hex { upper: true },
            Encoding::Hex { upper: false },
        ];
        for (before, url_safe) in (0..3).flat_map(|before| [(before, true), (before, false)]) {
            encodings.push(Encoding::Base64 {
                before,
                padded: url_safe,
                url_safe,
            });
        }
        let escapes = [
            vec![],
            vec![ESCAPINGS[0]],
            vec![ESCAPINGS[3]],
            vec![ESCAPINGS[1], ESCAPINGS[2]],
        ];
        let pairs = encodings
            .iter()
            .flat_map(|encoding| escapes.iter().map(move |e| (encoding, e)));
        pairs
            .map(|(encoding, escapes)| Self {
                encoding: *encoding,
                escapes: escapes.clone(),
            })
            .collect()
    }
}

/// `key` in this spelling. What an upstream would write around it is part of it.
pub(super) fn spell(key: &[u8], spelling: &Spelling, random: &mut Random) -> Vec<u8> {
    let hex = |upper: &mut dyn FnMut() -> bool| -> Vec<u8> {
        let text = key
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes());
        text.map(|b| if upper() { b.to_ascii_uppercase() } else { b })
            .collect()
    };
    let mut text = match spelling.encoding {
        Encoding::Plain => key.to_vec(),
        Encoding::Hex { upper } => hex(&mut || upper),
        Encoding::MixedHex => hex(&mut || random.one_in(2)),
        Encoding::Rendered => base64(&[b"someone:", key].concat(), false),
        Encoding::Base64 {
            before,
            padded,
            url_safe,
        } => {
            let mut text = base64(&[&b"{user:"[..before], key].concat(), url_safe);
            while !padded && text.last() == Some(&b'=') {
                text.pop();
            }
            text
        }
    };
    for escaping in &spelling.escapes {
        text = text
            .iter()
            .flat_map(|byte| escape(*byte, *escaping, random))
            .collect();
    }
    text
}

fn escape(byte: u8, escaping: Escaping, random: &mut Random) -> Vec<u8> {
    let cased = |text: String, random: &mut Random| {
        let upper = random.one_in(2);
        let letter = |b: u8| if upper { b.to_ascii_uppercase() } else { b };
        text.into_bytes()
            .into_iter()
            .map(letter)
            .collect::<Vec<_>>()
    };
    match escaping {
        Escaping::Percent { all } if all || byte == b'%' || random.one_in(3) => {
            [&b"%"[..], &cased(format!("{byte:02x}"), random)].concat()
        }
        Escaping::Json { all: false } if b"\"\\/".contains(&byte) && random.one_in(2) => {
            vec![b'\\', byte]
        }
        Escaping::Json { all } if all || byte == b'\\' || random.one_in(3) => {
            if random.one_in(4) {
                [&b"\\x"[..], &cased(format!("{byte:02x}"), random)].concat()
            } else {
                [&b"\\u"[..], &cased(format!("{byte:04x}"), random)].concat()
            }
        }
        _ => vec![byte],
    }
}
