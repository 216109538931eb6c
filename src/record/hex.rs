//! 32 bytes as 64 lower-case hexadecimal digits, in one way only.

/// Writes bytes as digits.
pub(crate) fn encode(bytes: &[u8; 32]) -> String {
    String::from_utf8(digits(bytes).to_vec()).unwrap_or_default()
}

/// The digits of bytes, each a character.
pub(crate) fn digits(bytes: &[u8; 32]) -> [u8; 64] {
    let digit = |half: u8| match half {
        0..=9 => b'0'.wrapping_add(half),
        _ => b'a'.wrapping_sub(10).wrapping_add(half),
    };
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
    digits
}

/// Reads 64 lower-case digits; anything else is none.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let halves = digits.map(|digit| match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
        _ => 0xff,
    });
    if halves.iter().fold(0, |all, half| all | half) > 0xf {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(halves.as_chunks().0) {
        *byte = high << 4 | low;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_spelling_is_read() {
        let digits = "00ff".repeat(16);
        assert_eq!(decode(&digits).map(|bytes| encode(&bytes)), Some(digits.clone()));
        for refused in ["", "00", &digits.to_uppercase(), &digits.replace('f', "g")] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn every_byte_reads_back_and_no_other_character_does() {
        for byte in 0..=u8::MAX {
            let digits = format!("{byte:02x}").repeat(32);
            assert_eq!(decode(&digits), Some([byte; 32]));
            assert_eq!(encode(&[byte; 32]), digits);
            let spoiled = digits.replacen(|_: char| true, char::from(byte).to_string().as_str(), 1);
            let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert_eq!(decode(&spoiled).is_some(), is_digit, "{spoiled}");
        }
    }
}
