//! Content encodings: one result for every cut, the same as flate2's in one go, and no more than the guard allows.

use std::io::Read;

use copilot_net::fuzzing::decode;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::{choice, cut};

/// What is no bomb: so much, or so many times the body. And a piece more, in which it is noticed.
const HARMLESS: usize = 1 << 20;
const RATIO: usize = 200;
const PIECE: usize = 16 * 1024;

type Decoded = (Vec<u8>, Result<(), &'static str>);

pub fn target(data: &[u8]) {
    let (options, data) = choice(data);
    let (seed, data) = choice(data);
    let encoding = if options & 1 > 0 { "deflate" } else { "gzip" };
    let read = |pieces: &[&[u8]]| decode(encoding, pieces).expect("a known encoding");
    let whole = read(&[data]);
    judge(&whole, data);
    let mut bomb = is_bomb(&whole);
    for seed in [0, seed] {
        let pieces = read(&cut(data, seed));
        judge(&pieces, data);
        // The guard weighs what came so far: another cut may stop at another place, or pass.
        bomb |= is_bomb(&pieces);
        if !bomb {
            assert_eq!(pieces.1.is_ok(), whole.1.is_ok(), "{:?} {:?}", pieces.1, whole.1);
        }
        if bomb || whole.1.is_err() {
            let shorter = pieces.0.len().min(whole.0.len());
            assert_eq!(pieces.0[..shorter], whole.0[..shorter]);
        } else {
            assert_eq!(pieces.0, whole.0);
        }
    }
    if !bomb {
        oracle(encoding, data, &whole);
    }
}

fn is_bomb(decoded: &Decoded) -> bool {
    matches!(decoded.1, Err(why) if why.contains("bomb"))
}

fn judge((plain, _): &Decoded, data: &[u8]) {
    let most = HARMLESS.max((data.len() + 1) * RATIO) + PIECE;
    assert!(plain.len() <= most, "{} bytes made {}", data.len(), plain.len());
}

/// Holds it against flate2's own readers.
fn oracle(encoding: &str, data: &[u8], (plain, end): &Decoded) {
    if data.is_empty() {
        return;
    }
    let mut expected = Vec::new();
    let good = if encoding == "gzip" {
        MultiGzDecoder::new(data).read_to_end(&mut expected).is_ok()
    } else if data[0] & 0x0f == 8 && data[0] >> 4 <= 7 {
        let mut reader = ZlibDecoder::new(data);
        reader.read_to_end(&mut expected).is_ok() && reader.total_in() == data.len() as u64
    } else {
        let mut reader = DeflateDecoder::new(data);
        reader.read_to_end(&mut expected).is_ok() && reader.total_in() == data.len() as u64
    };
    // flate2 checks the check sum of a gzip header and not its reserved flags; this decoder does it the other way.
    match (end, good) {
        (Ok(()), true) => assert!(*plain == expected, "other bytes than flate2's"),
        (Ok(()), false) | (Err(_), true) => {
            assert!(encoding == "gzip" && has_flags(data), "{end:?}, but flate2 says {good}");
        }
        (Err(_), false) => {}
    }
}

/// Whether a gzip header, or what looks like one, has a check sum or reserved flags.
fn has_flags(data: &[u8]) -> bool {
    data.windows(4).any(|start| start.starts_with(b"\x1f\x8b\x08") && start[3] & 0xe2 != 0)
}
