//! Dates: bounds in order in every zone, the text kept as written, and no guess that is itself no date.
#![no_main]

use demarche::model::calendar::Zone;
use demarche::model::date::{DATE_BYTES_MAX, Edtf, suggestion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Edtf::parse(text);
    assert_eq!(read.is_ok(), Edtf::check(text).is_ok());
    if let Some(suggestion) = suggestion(text) {
        assert!(Edtf::parse(&suggestion).is_ok(), "{suggestion:?} is suggested for {text:?}");
    }
    let date = match read {
        Ok(date) => date,
        Err(error) => {
            assert!(
                error.text.len() <= DATE_BYTES_MAX,
                "an error shows no more than a date may have"
            );
            return;
        }
    };
    assert_eq!(date.as_str(), text);
    assert_eq!(date.to_string(), text);
    assert!(text.len() <= DATE_BYTES_MAX);
    let kolkata = Zone::from_name("Asia/Kolkata").expect("a zone");
    let apia = Zone::from_name("Pacific/Apia").expect("a zone");
    for zone in [Zone::UTC, kolkata, apia] {
        let (span, ends) = (date.span(zone), date.ends(zone));
        assert!(span.earliest <= span.latest, "{text}: {span:?}");
        assert!(ends.earliest <= ends.latest, "{text}: {ends:?}");
        assert!(span.latest <= ends.latest && span.earliest <= ends.earliest, "{text}");
        assert_eq!(span.intersect(span), Some(span));
        assert_eq!(span.hull(span), span);
    }
    if date.single_day().is_some() {
        assert!(!date.is_bounded(), "a day is no range: {text}");
    }
});
