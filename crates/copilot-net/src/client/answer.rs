//! What comes back.

use super::body::Body;

type Headers = Vec<(String, String)>;

/// What is known of an answer before its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: Headers,
}

/// The answer of one call, once its status and headers are there.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in order of appearance; the values of a repeated one are joined with `", "`. They
    /// are as upstream sent them, also where the body was decoded.
    pub headers: Vec<(String, String)>,
    /// What is still to be read.
    pub body: Body,
}

/// Collects the fields of a header section. Texts are UTF-8, or else Latin-1 all of them.
pub(super) fn joined<'h, I: Iterator<Item = (&'h str, &'h [u8])>>(
    count: usize,
    fields: impl Fn() -> I,
) -> Headers {
    let utf8 = |value| std::str::from_utf8(value).ok().map(str::to_owned);
    collect(count, fields(), utf8).unwrap_or_else(|| {
        let latin1 = |value: &[u8]| Some(value.iter().map(|&byte| char::from(byte)).collect());
        collect(count, fields(), latin1).unwrap_or_default()
    })
}

fn collect<'h>(
    count: usize,
    fields: impl Iterator<Item = (&'h str, &'h [u8])>,
    read: impl Fn(&'h [u8]) -> Option<String>,
) -> Option<Headers> {
    let mut headers: Headers = Vec::with_capacity(count);
    for (name, value) in fields {
        let value = read(value)?;
        match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => {
                known.push_str(", ");
                known.push_str(&value);
            }
            None => headers.push((name.to_ascii_lowercase(), value)),
        }
    }
    Some(headers)
}

/// Looks a field up by its name in lower case.
pub(super) fn value_of<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_are_joined_and_texts_read_by_one_rule() {
        let fields: [(&str, &[u8]); 4] = [("X-A", b"1"), ("b", "ü".as_bytes()), ("x-a", b"2"), ("X-a", b"")];
        let expected =
            [("x-a", "1, 2, "), ("b", "ü")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(joined(4, || fields.into_iter()), expected);
        let fields: [(&str, &[u8]); 2] = [("a", "ü".as_bytes()), ("b", b"\xfc")];
        let expected = [("a", "Ã¼"), ("b", "ü")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(joined(2, || fields.into_iter()), expected);
    }
}
