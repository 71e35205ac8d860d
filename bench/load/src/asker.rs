//! The number that a request carries in its text, so that each answer can be told to be its own.

use memchr::memmem::{self, Finder};

const NAME: &[u8] = b"asker-";
const DIGITS: usize = 10;

/// Where in a request to write its number; None when the body has no `asker-0000000000`.
#[derive(Clone, Copy)]
pub(crate) struct Place(Option<usize>);

impl Place {
    pub(crate) fn find(request: &[u8]) -> Self {
        Self(memmem::find(request, b"asker-0000000000").map(|at| at + NAME.len()))
    }

    /// Write `number` and return what the answer will say.
    pub(crate) fn write(self, request: &mut [u8], number: u64) -> u64 {
        let Some(at) = self.0 else { return 0 };
        let Some(place) = request.get_mut(at..at + DIGITS) else { return 0 };
        let mut rest = number;
        for digit in place.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        number
    }
}

/// Finds what the upstream needs of a body without parsing it: no member of a benchmark's bodies is called as
/// these are, and text in JSON has no bare quotes.
pub(crate) struct Reader {
    asker: Finder<'static>,
    stream: Finder<'static>,
    model: Finder<'static>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            asker: Finder::new(NAME),
            stream: Finder::new(b"\"stream\""),
            model: Finder::new(b"\"model\""),
        }
    }

    pub(crate) fn asker(&self, body: &[u8]) -> u64 {
        let Some(at) = self.asker.find(body) else { return 0 };
        let digits = body.get(at + NAME.len()..).unwrap_or_default();
        let digits = digits.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    pub(crate) fn streams(&self, body: &[u8]) -> bool {
        self.stream
            .find_iter(body)
            .any(|at| value(body, at + 8).is_some_and(|rest| rest.starts_with(b"true")))
    }

    pub(crate) fn model<'a>(&self, body: &'a [u8]) -> &'a str {
        let found = self.model.find(body).and_then(|at| value(body, at + 7));
        let name = found.and_then(|rest| rest.strip_prefix(b"\"")).unwrap_or_default();
        let end = memchr::memchr(b'"', name).unwrap_or(0);
        std::str::from_utf8(name.get(..end).unwrap_or_default()).unwrap_or_default()
    }
}

/// What follows the colon after a name that ends at `end`.
fn value(body: &[u8], end: usize) -> Option<&[u8]> {
    Some(body.get(end..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::{Place, Reader};

    #[test]
    fn what_is_written_is_read() {
        let mut body = br#"{"model":"a-b", "stream" : true,"x":"Hello asker-0000000000."}"#.to_vec();
        let place = Place::find(&body);
        assert_eq!(place.write(&mut body, 1_234_567), 1_234_567);
        let reader = Reader::new();
        assert_eq!(
            (reader.asker(&body), reader.streams(&body), reader.model(&body)),
            (1_234_567, true, "a-b")
        );
        assert_eq!(Place::find(b"{}").write(&mut body, 3), 0);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let body = br#"{"stream":false,"of":["stream"]}"#;
        let reader = Reader::new();
        assert_eq!((reader.asker(body), reader.streams(body), reader.model(body)), (0, false, ""));
    }
}
