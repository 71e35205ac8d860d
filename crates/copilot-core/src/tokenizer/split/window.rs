//! A look at many bytes of text at once: what of them is ASCII, by class, a bit each.
//!
//! Words of ordinary text are four bytes long on average. A loop over each would be left after a number of
//! rounds that the processor cannot foresee; the end of a run of bits is one instruction.

use wide::u8x16;

/// Bytes of a window: a bit of a word each.
const SIZE: usize = 64;
/// Where in a window a new one is worth while.
const LATE: usize = 40;

/// The classes of the bytes from `base` on, the first in the lowest bit.
#[derive(Default)]
pub(crate) struct Window {
    base: usize,
    /// How many bytes before the first that is not ASCII or behind the text.
    ascii: usize,
    upper: u64,
    lower: u64,
    number: u64,
    blank: u64,
    white: u64,
    line_break: u64,
    slash: u64,
}

/// The rest of a window from a byte on.
#[derive(Clone, Copy)]
pub(crate) struct Rest {
    /// As in the window.
    pub(super) ascii: usize,
    pub(super) upper: u64,
    pub(super) lower: u64,
    pub(super) number: u64,
    /// `' '` only.
    pub(super) blank: u64,
    /// All white space, line breaks as well.
    pub(super) white: u64,
    pub(super) line_break: u64,
    pub(super) slash: u64,
    /// In none of the other classes; wrong for what is not ASCII.
    pub(super) other: u64,
}

impl Window {
    /// What is known from `at` on. Moves the window there when little of it is left.
    #[inline]
    pub(super) fn rest(&mut self, text: &[u8], at: usize) -> Option<Rest> {
        if at - self.base >= self.ascii.min(LATE) {
            *self = Self::at(text, at);
        }
        let passed = at - self.base;
        let ascii = self.ascii.checked_sub(passed).filter(|&ascii| ascii > 0)?;
        let from = |bits: u64| bits >> passed;
        let (upper, lower, number, white) =
            (from(self.upper), from(self.lower), from(self.number), from(self.white));
        Some(Rest {
            ascii,
            upper,
            lower,
            number,
            blank: from(self.blank),
            white,
            line_break: from(self.line_break),
            slash: from(self.slash),
            other: !(upper | lower | number | white),
        })
    }

    #[inline(never)]
    fn at(text: &[u8], base: usize) -> Self {
        let rest = text.get(base..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => Self::of(block, base),
            None => Self::at_end(rest, base),
        }
    }

    fn at_end(rest: &[u8], base: usize) -> Self {
        let mut block = [u8::MAX; SIZE];
        block.iter_mut().zip(rest).for_each(|(byte, &given)| *byte = given);
        Self::of(&block, base)
    }

    #[inline]
    fn of(block: &[u8; SIZE], base: usize) -> Self {
        let mut window = Self { base, ..Self::default() };
        let mut beyond = 0_u64;
        for (place, bytes) in block.as_chunks().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let set = |bits: &mut u64, found: u8x16| *bits |= u64::from(found.to_bitmask()) << (16 * place);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            set(&mut beyond, bytes & u8x16::splat(0x80));
            set(&mut window.upper, within(bytes, b'A', b'Z'));
            set(&mut window.lower, within(bytes, b'a', b'z'));
            set(&mut window.number, within(bytes, b'0', b'9'));
            let blank = is(b' ');
            set(&mut window.blank, blank);
            set(&mut window.white, blank | within(bytes, b'\t', b'\r'));
            set(&mut window.line_break, is(b'\n') | is(b'\r'));
            set(&mut window.slash, is(b'/'));
        }
        window.ascii = beyond.trailing_zeros() as usize;
        window
    }
}

#[inline]
fn within(bytes: u8x16, first: u8, last: u8) -> u8x16 {
    let from_first = bytes - u8x16::splat(first);
    from_first.min(u8x16::splat(last - first)).simd_eq(from_first)
}

impl Rest {
    /// `\p{N}{1,3}`, from a number.
    #[inline]
    pub(super) fn up_to_three_numbers(&self) -> Option<usize> {
        self.known(run(self.number).min(3))
    }

    /// As the function of this name beside the patterns, from a white space.
    #[inline]
    pub(super) fn white_space(&self) -> Option<usize> {
        let end = self.known(run(self.white))?;
        let line_breaks = self.line_break & !(u64::MAX << end);
        Some(match line_breaks.checked_ilog2() {
            Some(last) => last as usize + 1,
            None if end == 1 => 1,
            None => end - 1,
        })
    }

    /// ` ?[^\s\p{L}\p{N}]+` and what follows of the bytes `tail`.
    #[inline]
    pub(super) fn others(&self, tail: u64) -> Option<usize> {
        let start = (self.blank & self.other >> 1 & 1) as usize;
        let end = self.known(start + run(self.other >> start))?;
        self.known(end + run(tail >> end))
    }

    /// Whether a letter comes first, or second after what may come before a word; how many bytes do.
    #[inline]
    pub(super) fn word(&self) -> Option<usize> {
        let letters = self.upper | self.lower;
        let prefix = !(letters | self.number | self.line_break) & letters >> 1 & 1;
        ((letters >> prefix) & 1 == 1).then_some(prefix as usize)
    }

    /// `end`, if the byte there is known to be ASCII: no other character goes on with the piece.
    #[inline]
    pub(super) fn known(&self, end: usize) -> Option<usize> {
        (end < self.ascii).then_some(end)
    }
}

/// How many of the lowest bits are set.
#[inline]
pub(super) fn run(bits: u64) -> usize {
    bits.trailing_ones() as usize
}
