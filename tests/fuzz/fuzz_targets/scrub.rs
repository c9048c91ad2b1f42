//! Replies against the naive scanner.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::scrub(data);
});
