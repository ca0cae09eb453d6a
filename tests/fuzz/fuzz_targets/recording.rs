#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scalesmall_texts::recording(bytes));
