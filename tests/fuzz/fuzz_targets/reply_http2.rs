//! Any reply over HTTP/2.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    agentbox_fuzz_bodies::reply_http2(data);
});
