//! Base64 in its two alphabets, for passwords, hashes and tokens.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The alphabet of RFC 4648 §4, padded.
pub(super) fn standard(bytes: &[u8]) -> String {
    let mut text = encode(bytes, STANDARD);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// The alphabet of RFC 4648 §5, without padding, as tokens have it.
pub(super) fn url(bytes: &[u8]) -> String {
    encode(bytes, URL)
}

/// The bytes of a text in the alphabet of RFC 4648 §5, without padding; `None` where it is none.
pub(super) fn from_url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut number: u32 = 0;
        for place in 0..4 {
            let sign = match chunk.get(place) {
                Some(sign) => URL.iter().position(|it| it == sign)?,
                None => 0,
            };
            number = number << 6 | u32::try_from(sign).ok()?;
        }
        let whole = number.to_be_bytes();
        bytes.extend_from_slice(whole.get(1..chunk.len())?);
    }
    (text.len() % 4 != 1).then_some(bytes)
}

fn encode(bytes: &[u8], signs: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=chunk.len() {
            text.push(char::from(
                signs[(number >> (18 - 6 * place) & 63) as usize],
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_samples_of_rfc_4648() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(super::standard(text.as_bytes()), coded);
        }
        assert_eq!(super::url(&[0xfb, 0xff]), "-_8");
        for length in 0..9 {
            let bytes: Vec<u8> = (0..length)
                .map(|it: u8| it.wrapping_mul(29).wrapping_add(200))
                .collect();
            assert_eq!(super::from_url(&super::url(&bytes)), Some(bytes));
        }
        assert_eq!(super::from_url("a+b="), None);
        assert_eq!(super::from_url("abcde"), None);
    }
}
