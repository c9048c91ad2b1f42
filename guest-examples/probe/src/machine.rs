//! What a guest can do to the machine below it.

use std::hint::black_box;
use std::io::Write;

use anyhow::{Context as _, Result};

/// Computes for ever.
pub fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Calls itself until the stack is used up.
#[allow(unconditional_recursion, reason = "that is the point")]
pub fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + black_box(frame)[0]
}

/// Allocates and touches `mebibytes`, one at a time; the allocator traps when it is refused.
pub fn alloc(mebibytes: usize) -> Result<()> {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..mebibytes {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
    let total: usize = held.iter().map(Vec::len).sum();
    println!("allocated {} MiB", total >> 20);
    Ok(())
}

/// Like [`alloc`], but takes a refusal for an answer.
pub fn try_alloc(mebibytes: usize) {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..mebibytes {
        let mut piece: Vec<u8> = Vec::new();
        if piece.try_reserve_exact(1 << 20).is_err() {
            let got = held.len();
            drop(held);
            println!("refused after {got} MiB");
            return;
        }
        piece.resize(1 << 20, 1);
        held.push(black_box(piece));
    }
    println!("allocated {} MiB", held.len());
}

/// Writes `bytes` bytes of lines, or without end when it is 0.
pub fn flood(to: &mut impl Write, bytes: u64) -> Result<()> {
    let line = [b"flood ".repeat(10), b"end\n".to_vec()].concat();
    let mut left = if bytes == 0 { u64::MAX } else { bytes };
    while left > 0 {
        let piece = usize::try_from(left).map_or(line.len(), |left| left.min(line.len()));
        to.write_all(&line[..piece])?;
        left -= piece as u64;
    }
    to.flush()?;
    Ok(())
}

/// What stands between other output and [`print_memory`]'s.
const MEMORY: &[u8] = b"\nMEMORY\n";

/// Writes a marker and then all of this program's linear memory, but its first byte.
pub fn print_memory(to: &mut impl Write) -> Result<()> {
    to.write_all(MEMORY)?;
    // On the stack: the heap is left as the program before left it.
    let mut piece = [0_u8; 4096];
    let end = core::arch::wasm32::memory_size(0) << 16;
    let mut at = 1;
    while at < end {
        let length = piece.len().min(end - at);
        for (offset, byte) in piece[..length].iter_mut().enumerate() {
            // SAFETY: every address below the memory's size can be read; what lives there is only
            // looked at as bytes, one at a time, and `volatile` keeps the compiler from reasoning.
            *byte = unsafe { core::ptr::read_volatile((at + offset) as *const u8) };
        }
        to.write_all(&piece[..length])?;
        at += length;
    }
    to.flush()?;
    Ok(())
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that `text` spells in hex.
pub fn unhex(text: &str) -> Result<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| {
            let pair = text
                .get(at..at + 2)
                .context("an odd number of hex digits")?;
            Ok(u8::from_str_radix(pair, 16)?)
        })
        .collect()
}
