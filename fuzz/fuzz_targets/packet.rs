#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| xdp_fw_tests::fuzz::packet(data));
