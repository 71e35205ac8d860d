//! Undoes a content encoding that was not asked for.

use bytes::{Buf, Bytes};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Bytes of output at a time: what a hostile body can make of a few bytes must not lie in memory.
const PIECE: usize = 16 * 1024;

/// A body may unfold to so many times its size; text that repeats itself stays below.
const RATIO: u64 = 200;

/// Below this it is no bomb, whatever its ratio.
const HARMLESS: u64 = 1024 * 1024;

/// Bytes of the names and comments that a gzip header may hold.
const MOST_HEADER: usize = 64 * 1024;

const CUT: &str = "the compressed body is cut";
const WRONG: &str = "the compressed body is damaged";

/// Decodes a body piece by piece.
pub(super) struct Decoder {
    stage: Stage,
    input: Bytes,
    /// The last piece was full: there may be more without new input.
    full: bool,
    taken: u64,
    given: u64,
}

enum Stage {
    /// In the header of a gzip member, or at the end of a body after one.
    Header(Vec<u8>),
    Gzip {
        inflate: Box<Decompress>,
        crc: Crc,
    },
    /// In the check sum and the length after a member.
    Trailer {
        read: Vec<u8>,
        crc: Crc,
    },
    /// Nothing has come: "deflate" is zlib by the RFC and raw by some servers.
    Unknown,
    Deflate(Box<Decompress>),
    Ended,
    /// What came before the damage was given.
    Damaged,
}

/// How inflating a piece went.
#[derive(PartialEq, Eq)]
enum Inflated {
    More,
    Ended,
    Damaged,
}

impl Decoder {
    /// Returns the decoder for the value of a `content-encoding` header: None for no encoding, the first
    /// unknown one as an error.
    pub(super) fn of(encoding: &str) -> Result<Option<Self>, &str> {
        let mut stage = None;
        for name in encoding.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            stage = match name.to_ascii_lowercase().as_str() {
                "identity" => continue,
                "gzip" | "x-gzip" if stage.is_none() => Some(Stage::Header(Vec::new())),
                "deflate" if stage.is_none() => Some(Stage::Unknown),
                _ => return Err(name),
            };
        }
        Ok(stage.map(|stage| Self { stage, input: Bytes::new(), full: false, taken: 0, given: 0 }))
    }

    /// Takes the next piece; the one before must have been read to its end.
    pub(super) fn feed(&mut self, input: Bytes) {
        self.taken += input.len() as u64;
        self.input = input;
    }

    /// Returns the next decoded bytes of what was fed, None when there are no more.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, &'static str> {
        while self.full || !self.input.is_empty() {
            match &mut self.stage {
                Stage::Header(read) => {
                    let before = read.len();
                    read.extend_from_slice(&self.input);
                    match gzip_header(read)? {
                        Some(length) => {
                            // What was read before was too short: the header ends in this piece.
                            self.input.advance(length.saturating_sub(before));
                            let inflate = Box::new(Decompress::new(false));
                            self.stage = Stage::Gzip { inflate, crc: Crc::new() };
                        }
                        None if read.len() > MOST_HEADER => return Err(WRONG),
                        None => self.input.clear(),
                    }
                }
                Stage::Unknown => {
                    // zlib's first byte names its method and window; no packer of raw bodies begins so.
                    let zlib = self.input.first().is_some_and(|first| first & 0x0f == 8 && first >> 4 <= 7);
                    self.stage = Stage::Deflate(Box::new(Decompress::new(zlib)));
                }
                Stage::Gzip { inflate, crc } => {
                    let (piece, how) = inflate_some(inflate, &mut self.input, &mut self.full);
                    crc.update(&piece);
                    match how {
                        Inflated::More => {}
                        Inflated::Ended => {
                            let crc = std::mem::take(crc);
                            self.stage = Stage::Trailer { read: Vec::with_capacity(8), crc };
                        }
                        Inflated::Damaged => self.stage = Stage::Damaged,
                    }
                    if let Some(piece) = self.give(piece)? {
                        return Ok(Some(piece));
                    }
                }
                Stage::Deflate(inflate) => {
                    let (piece, how) = inflate_some(inflate, &mut self.input, &mut self.full);
                    match how {
                        Inflated::More => {}
                        Inflated::Ended => self.stage = Stage::Ended,
                        Inflated::Damaged => self.stage = Stage::Damaged,
                    }
                    if let Some(piece) = self.give(piece)? {
                        return Ok(Some(piece));
                    }
                }
                Stage::Trailer { read, crc } => {
                    let missing = self.input.len().min(8 - read.len());
                    read.extend_from_slice(&self.input.split_to(missing));
                    if read.len() == 8 {
                        if *read != [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat() {
                            return Err(WRONG);
                        }
                        self.stage = Stage::Header(Vec::new());
                    }
                }
                Stage::Ended | Stage::Damaged => return Err(WRONG),
            }
        }
        Ok(None)
    }

    /// The body is over. One that was cut inside is an error, an empty one is not.
    pub(super) fn finish(&mut self) -> Result<(), &'static str> {
        match &self.stage {
            Stage::Header(read) if read.is_empty() => Ok(()),
            Stage::Unknown | Stage::Ended => Ok(()),
            _ => Err(CUT),
        }
    }

    fn give(&mut self, piece: Bytes) -> Result<Option<Bytes>, &'static str> {
        self.given += piece.len() as u64;
        if self.given > HARMLESS && self.given / RATIO > self.taken {
            return Err("the compressed body is a bomb");
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// Inflates one piece. There may be a piece before the damage too.
fn inflate_some(inflate: &mut Decompress, input: &mut Bytes, full: &mut bool) -> (Bytes, Inflated) {
    let mut out = [0; PIECE];
    let (taken, given) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, &mut out, FlushDecompress::None);
    let size = |before: u64, now: u64| usize::try_from(now - before).unwrap_or(PIECE);
    let (taken, given) = (size(taken, inflate.total_in()), size(given, inflate.total_out()));
    let how = match status {
        Ok(Status::StreamEnd) => Inflated::Ended,
        Ok(_) if given == 0 && taken == 0 && !input.is_empty() => Inflated::Damaged,
        Ok(_) => Inflated::More,
        Err(_) => Inflated::Damaged,
    };
    input.advance(taken.min(input.len()));
    // After damage there is an error to be given, whether there is more input or not.
    *full = (given == PIECE && how != Inflated::Ended) || how == Inflated::Damaged;
    (Bytes::copy_from_slice(out.get(..given).unwrap_or_default()), how)
}

/// Returns the length of a gzip header (RFC 1952 2.3), None while it is not whole.
fn gzip_header(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    for (byte, wanted) in bytes.iter().zip([0x1f, 0x8b, 8]) {
        if *byte != wanted {
            return Err(WRONG);
        }
    }
    let Some(&flags) = bytes.get(3) else { return Ok(None) };
    if flags & 0xe0 != 0 {
        return Err(WRONG);
    }
    let mut length = 10;
    if flags & 4 != 0 {
        let Some(&[low, high]) = bytes.get(length..length + 2) else { return Ok(None) };
        length += 2 + usize::from(u16::from_le_bytes([low, high]));
    }
    for texts in [8, 16] {
        if flags & texts != 0 {
            let Some(end) = bytes.get(length..).and_then(|rest| memchr::memchr(0, rest)) else {
                return Ok(None);
            };
            length += end + 1;
        }
    }
    if flags & 2 != 0 {
        length += 2;
    }
    Ok((bytes.len() >= length).then_some(length))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder, write};

    use super::*;

    fn decode(encoding: &str, pieces: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
        let mut decoder = Decoder::of(encoding).unwrap().unwrap();
        let mut plain = Vec::new();
        for piece in pieces {
            decoder.feed(Bytes::copy_from_slice(piece));
            while let Some(piece) = decoder.next()? {
                assert!(!piece.is_empty() && piece.len() <= PIECE);
                plain.extend_from_slice(&piece);
            }
        }
        decoder.finish()?;
        Ok(plain)
    }

    /// A member with every optional field of the header.
    fn member(text: &[u8]) -> Vec<u8> {
        let mut packer = GzBuilder::new()
            .filename("name")
            .comment("comment")
            .extra(b"extra".to_vec())
            .write(Vec::new(), Compression::best());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn r35_members_are_the_same_however_they_are_cut() {
        let packed = [member(b"hello "), member(b""), member(b"hello world")].concat();
        for first in 0..=packed.len() {
            for second in first..=packed.len() {
                let pieces = [&packed[..first], &packed[first..second], &packed[second..]];
                assert_eq!(decode("gzip", &pieces).unwrap(), b"hello hello world", "{first} {second}");
            }
        }
    }

    #[test]
    fn r35_an_end_inside_is_no_end() {
        let packed = member(b"hello world");
        for cut in 1..packed.len() {
            assert!(decode("gzip", &[&packed[..cut]]).is_err(), "{cut}");
        }
        let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(b"hello world").unwrap();
        let zlib = zlib.finish().unwrap();
        for cut in 1..zlib.len() {
            assert!(decode("deflate", &[&zlib[..cut]]).is_err(), "{cut}");
        }
        assert_eq!(decode("deflate", &[&zlib]).unwrap(), b"hello world");
        assert!(decode("deflate", &[&zlib, b"more"]).is_err());
        assert!(decode("gzip", &[&packed, b"more"]).is_err());
    }

    #[test]
    fn r35_every_damaged_byte_of_the_data_is_found() {
        let packed = member(b"hello world");
        // After the header's names come the data, the check sum and the length.
        let data = packed.windows(8).position(|window| window == b"comment\0").unwrap() + 8;
        for index in data..packed.len() {
            let mut damaged = packed.clone();
            damaged[index] ^= 0x10;
            // The last byte of the data has bits that mean nothing.
            let decoded = decode("gzip", &[&damaged]);
            assert!(
                decoded.is_err() || index + 9 == packed.len() && decoded.unwrap() == b"hello world",
                "{index}"
            );
        }
    }

    #[test]
    fn r26_r35_what_came_before_the_damage_is_given() {
        let mut packer = write::GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(b"hello world").unwrap();
        packer.flush().unwrap();
        for wrong in [&[0xff; 40][..], &[0xff]] {
            let mut decoder = Decoder::of("gzip").unwrap().unwrap();
            decoder.feed([packer.get_ref(), wrong].concat().into());
            assert_eq!(decoder.next().unwrap().unwrap(), b"hello world"[..]);
            assert_eq!(decoder.next(), Err(WRONG));
        }
    }

    #[test]
    fn r35_everything_that_came_is_given_before_more_comes() {
        let plain = vec![b'x'; 512 * 1024];
        let mut packer = write::GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&plain).unwrap();
        packer.flush().unwrap();
        let mut decoder = Decoder::of("gzip").unwrap().unwrap();
        decoder.feed(Bytes::copy_from_slice(packer.get_ref()));
        let mut size = 0;
        while let Some(piece) = decoder.next().unwrap() {
            size += piece.len();
        }
        assert_eq!(size, plain.len());
    }

    #[test]
    fn text_that_repeats_itself_is_no_bomb() {
        let plain = b"data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n".repeat(100_000);
        let mut packer = write::GzEncoder::new(Vec::new(), Compression::default());
        for frame in plain.chunks(54) {
            packer.write_all(frame).unwrap();
            packer.flush().unwrap();
        }
        assert!(decode("gzip", &[&packer.finish().unwrap()]).unwrap() == plain);
    }
}
