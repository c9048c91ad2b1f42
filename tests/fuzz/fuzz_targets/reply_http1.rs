//! Any reply over HTTP/1.1.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::reply_http1(data);
});
