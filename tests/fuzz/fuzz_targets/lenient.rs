//! What is approved, as a lenient upstream reads it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::lenient(data);
});
