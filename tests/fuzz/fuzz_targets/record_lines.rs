//! Any record.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::record_lines(data);
});
