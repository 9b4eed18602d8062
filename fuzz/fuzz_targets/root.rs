#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakeward_properties::check("root", bytes));
