//! Tokens of a picture: by its size where that can be read, as `OpenAI` counts (compat.md D-T28).

use super::Encoding;
use crate::{base64_text, json::Value};

/// Tokens of any picture.
const BASE: usize = 85;
/// Tokens of one square of 512 pixels.
const TILE: usize = 170;
/// Assumed when the size is not known: a picture of 1024 by 1024.
const UNKNOWN_TILES: usize = 4;
/// Characters; a URL up to here is counted as text, as 0.7.0 did, when the size is not known.
const LONGEST_COUNTED_URL: usize = 1024;

/// Enough for every format but JPEG.
const SHORT_HEADER: usize = 30;
/// How far a JPEG's size is looked for: metadata blocks of 64 kB may come first.
const LONG_HEADER: usize = 384 * 1024;

/// Tokens of an `image_url` part's value: an object with `url`, or the URL itself.
pub(super) fn count(image_url: Option<&Value>, encoding: Encoding) -> usize {
    let (url, detail) = match image_url {
        Some(Value::Object(image)) => (image.get("url"), image.get("detail")),
        other => (other, None),
    };
    let Some(url) = url.and_then(Value::as_str) else {
        return BASE;
    };
    let size = size_of_data_url(url);
    if size.is_none() && url.chars().nth(LONGEST_COUNTED_URL).is_none() {
        return encoding.count(url) + BASE;
    }
    if detail.and_then(Value::as_str) == Some("low") {
        return BASE;
    }
    BASE + TILE * size.map_or(UNKNOWN_TILES, |(width, height)| tiles(width, height))
}

/// How many squares of 512 pixels cover a picture after scaling it down: first into 2048 by 2048, then to a
/// short side of 768; in whole pixels, halves rounded up.
fn tiles(width: u32, height: u32) -> usize {
    let (mut long, mut short) = (u64::from(width.max(height)), u64::from(width.min(height)));
    if long > 2048 {
        (long, short) = (2048, ((2 * short * 2048 + long) / (2 * long)).max(1));
    }
    if short > 768 {
        (long, short) = ((2 * long * 768 + short) / (2 * short), 768);
    }
    usize::try_from(long.div_ceil(512) * short.div_ceil(512)).unwrap_or(UNKNOWN_TILES)
}

/// Width and height in pixels.
type Size = (u32, u32);

fn size_of_data_url(url: &str) -> Option<Size> {
    let (head, data) = url.split_once(',')?;
    let scheme = head.get(..5)?;
    let encoding = head.get(head.len().checked_sub(7)?..)?;
    if !scheme.eq_ignore_ascii_case("data:") || !encoding.eq_ignore_ascii_case(";base64") {
        return None;
    }
    let mut header = decoded(data, SHORT_HEADER);
    if header.starts_with(b"\xff\xd8") {
        header = decoded(data, LONG_HEADER);
    }
    size_of(&header).filter(|&(width, height)| width > 0 && height > 0)
}

/// The first bytes of base64 text, up to `limit` or to the first character that is none of base64.
fn decoded(text: &str, limit: usize) -> Vec<u8> {
    let digits =
        text.bytes().take(limit.div_ceil(3) * 4).take_while(|byte| base64_text::is_digit(*byte)).count();
    // A single digit behind the last group of four is less than a byte.
    let whole = digits - usize::from(digits % 4 == 1);
    text.get(..whole).and_then(base64_text::decode).unwrap_or_default()
}

fn size_of(data: &[u8]) -> Option<Size> {
    if data.starts_with(b"\x89PNG\r\n\x1a\n") && data.get(12..16) == Some(b"IHDR") {
        Some((u32::from_be_bytes(array(data, 16)?), u32::from_be_bytes(array(data, 20)?)))
    } else if data.starts_with(b"GIF87a") || data.starts_with(b"GIF89a") {
        Some((little_u16(data, 6)?, little_u16(data, 8)?))
    } else if data.starts_with(b"RIFF") && data.get(8..12) == Some(b"WEBP") {
        size_of_webp(data)
    } else if data.starts_with(b"\xff\xd8") {
        size_of_jpeg(data)
    } else {
        None
    }
}

fn size_of_webp(data: &[u8]) -> Option<Size> {
    match data.get(12..16)? {
        b"VP8X" => Some((little_u24(data, 24)? + 1, little_u24(data, 27)? + 1)),
        b"VP8L" if data.get(20) == Some(&0x2f) => {
            let bits = u32::from_le_bytes(array(data, 21)?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " if data.get(23..26) == Some(b"\x9d\x01\x2a") => {
            Some((little_u16(data, 26)? & 0x3fff, little_u16(data, 28)? & 0x3fff))
        }
        _ => None,
    }
}

fn size_of_jpeg(data: &[u8]) -> Option<Size> {
    let mut at = 2;
    loop {
        let [0xff, marker, high, low] = array(data, at)? else {
            return None;
        };
        at += match marker {
            0xff => 1, // a fill byte
            0x01 | 0xd0..=0xd8 => 2,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let height = u16::from_be_bytes(array(data, at + 5)?);
                let width = u16::from_be_bytes(array(data, at + 7)?);
                return Some((width.into(), height.into()));
            }
            _ => 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
        };
    }
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

fn little_u16(data: &[u8], at: usize) -> Option<u32> {
    array(data, at).map(|bytes| u16::from_le_bytes(bytes).into())
}

fn little_u24(data: &[u8], at: usize) -> Option<u32> {
    array(data, at).map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
}

#[cfg(test)]
mod tests {
    use super::tiles;

    #[test]
    fn tiles_are_counted_after_scaling() {
        for (width, height, expected) in [
            (1, 1, 1),
            (512, 513, 2),
            (1024, 1024, 4),
            (2048, 4096, 6),
            (768, 2048, 8),
            (99_999, 1, 4),
            (u32::MAX, u32::MAX, 4),
        ] {
            assert_eq!(tiles(width, height), expected, "{width} by {height}");
            assert_eq!(tiles(height, width), expected, "{height} by {width}");
        }
    }
}
