//! W22. Makes a thousand calls that are answered, and then looks through all of its memory for the key.
//! It was never there.

use std::io::Write as _;

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for _ in 0..500 {
        Try::get(places.url("/v1/widgets")).at_both_doors();
    }
    let mut out = std::io::stdout().lock();
    let end = core::arch::wasm32::memory_size(0) << 16;
    for line in (1024..end).step_by(1024) {
        let mut text = [b'\n'; 2049];
        for (at, digits) in text[..2048].chunks_exact_mut(2).enumerate() {
            // SAFETY: every address below the memory's size can be read; what lives there is only
            // looked at as bytes, one at a time, and `volatile` keeps the compiler from reasoning.
            let byte = unsafe { core::ptr::read_volatile((line + at) as *const u8) };
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        out.write_all(&text).expect("its output is taken");
    }
}
