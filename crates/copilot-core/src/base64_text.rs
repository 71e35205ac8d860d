//! Base64 of the standard alphabet, read as leniently as Python reads it.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Whether a byte is one of the alphabet's 64.
pub(crate) const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Decodes text without its padding; bits after the last byte are not looked at.
pub(crate) fn decode(bare: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(bare).ok()
}

/// Encodes with padding.
pub(crate) fn encode(data: &[u8]) -> String {
    ENGINE.encode(data)
}
