//! Undoes a content encoding that was not asked for.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Input bytes decoded at a time: they unfold to some 4 MB at most, whatever a hostile body holds.
const STEP: usize = 4096;

/// Decodes a body piece by piece.
pub(super) struct Decoder {
    state: State,
    input: Bytes,
}

enum State {
    /// Nothing has come.
    Gzip,
    /// Up to one byte has come: the format shows in the second.
    Deflate(Option<u8>),
    InGzip(Box<MultiGzDecoder<Vec<u8>>>),
    InZlib(Box<ZlibDecoder<Vec<u8>>>),
    InRaw(Box<DeflateDecoder<Vec<u8>>>),
    Ended,
}

impl Decoder {
    /// Returns the decoder for the value of a `content-encoding` header: None for no encoding, the first
    /// unknown one as an error.
    pub(super) fn of(encoding: &str) -> Result<Option<Self>, &str> {
        let mut state = None;
        for name in encoding.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            state = match name.to_ascii_lowercase().as_str() {
                "identity" => continue,
                "gzip" | "x-gzip" if state.is_none() => Some(State::Gzip),
                "deflate" if state.is_none() => Some(State::Deflate(None)),
                _ => return Err(name),
            };
        }
        Ok(state.map(|state| Self { state, input: Bytes::new() }))
    }

    /// Takes the next piece; the one before must have been read to its end.
    pub(super) fn feed(&mut self, input: Bytes) {
        self.input = input;
    }

    /// Returns the next decoded bytes of what was fed, None when there are no more.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.input.is_empty() {
            let step = self.input.split_to(self.input.len().min(STEP));
            let out = self.step(step)?;
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }

    /// The body is over: returns what is left. A body cut inside is an error, an empty one is not.
    pub(super) fn finish(&mut self) -> io::Result<Bytes> {
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed body is cut");
        Ok(match std::mem::replace(&mut self.state, State::Ended) {
            State::Gzip | State::Deflate(None) | State::Ended => Bytes::new(),
            State::Deflate(Some(_)) => return Err(cut()),
            State::InGzip(gzip) => gzip.finish().map_err(|_| cut())?.into(),
            State::InZlib(zlib) => zlib.finish().map_err(|_| cut())?.into(),
            State::InRaw(raw) => raw.finish().map_err(|_| cut())?.into(),
        })
    }

    fn step(&mut self, mut step: Bytes) -> io::Result<Vec<u8>> {
        match &mut self.state {
            State::Gzip => self.state = State::InGzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            State::Deflate(first) => {
                let start = match *first {
                    Some(first) => first,
                    None if step.len() == 1 => {
                        *first = Some(step.get_u8());
                        return Ok(Vec::new());
                    }
                    None => step.get_u8(),
                };
                // "deflate" is zlib by the RFC, and raw by some servers: zlib's two bytes have a check sum.
                let head = u16::from_be_bytes([start, step.first().copied().unwrap_or_default()]);
                self.state = if start & 0x0f == 8 && head % 31 == 0 {
                    State::InZlib(Box::new(ZlibDecoder::new(Vec::new())))
                } else {
                    State::InRaw(Box::new(DeflateDecoder::new(Vec::new())))
                };
                self.write(&[start])?;
            }
            _ => {}
        }
        self.write(&step)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        fn through<W: Write>(
            decoder: &mut W,
            bytes: &[u8],
            sink: fn(&mut W) -> &mut Vec<u8>,
        ) -> io::Result<Vec<u8>> {
            decoder.write_all(bytes)?;
            decoder.flush()?;
            Ok(std::mem::take(sink(decoder)))
        }
        match &mut self.state {
            State::InGzip(gzip) => through(&mut **gzip, bytes, MultiGzDecoder::get_mut),
            State::InZlib(zlib) => through(&mut **zlib, bytes, ZlibDecoder::get_mut),
            State::InRaw(raw) => through(&mut **raw, bytes, DeflateDecoder::get_mut),
            _ => Ok(Vec::new()),
        }
    }
}
