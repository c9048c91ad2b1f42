//! A program's own requests against the model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::model_http(data);
});
