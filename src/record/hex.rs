//! 32 bytes as 64 lower-case hexadecimal digits, in one way only.

/// Writes bytes as digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        digits.push_str(&format!("{byte:02x}"));
    }
    digits
}

/// Reads 64 lower-case digits; anything else is none.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(character.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
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
}
