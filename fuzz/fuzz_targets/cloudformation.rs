#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidewaiter_fuzz_targets::cloudformation(data));
