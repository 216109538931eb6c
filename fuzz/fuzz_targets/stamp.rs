//! RFC 3161 responses: no bytes make the reader fail, and one that is cut is none.
#![no_main]

use demarche::record::timestamp::{RESPONSE_BYTES_MAX, Stamp, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(Stamp::parse(&request(text, 1)).is_err(), "a request is no response");
    }
    let Ok(stamp) = Stamp::parse(bytes) else { return };
    assert!(bytes.len() <= RESPONSE_BYTES_MAX);
    assert_eq!(Stamp::parse(bytes).as_ref(), Ok(&stamp));
    let (cut, _) = bytes.split_at(bytes.len() - 1);
    assert!(Stamp::parse(cut).is_err(), "a response that is cut is none");
    assert!(Stamp::parse(&[bytes, &[0]].concat()).is_err(), "nor is one with more behind it");
    assert!(stamp.time.to_string().ends_with('Z'), "its time can be written: {}", stamp.time);
});
