//! Digests in hexadecimal digits.

const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// Two lowercase digits for every byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| DIGITS[usize::from(nibble)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The bytes of what [`hex`] wrote. What is no digit is skipped.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.chars().filter_map(|c| c.to_digit(16)).filter_map(|digit| u8::try_from(digit).ok());
    digits.collect::<Vec<_>>().chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        assert_eq!(hex(&[0x00, 0x7f, 0xa5, 0xff]), "007fa5ff");
        assert_eq!(unhex("007fa5ff"), [0x00, 0x7f, 0xa5, 0xff]);
    }
}
