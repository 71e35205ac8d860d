//! The chunked coding (RFC 9112 7.1), read as simply as can be: the oracle for the readers that do it in one pass.

/// Who reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// The client: blanks behind a size, and any byte in extensions and trailers.
    Answer,
    /// The server, in front of hyper.
    Request,
}

/// How a body went on behind its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is whole; so many bytes of the input are its.
    Whole(usize),
    Cut,
    Wrong,
}

/// Returns the data of the chunks at the start of `input`, as far as it is clear, and how they end.
pub fn decode(input: &[u8], strictness: Strictness) -> (Vec<u8>, End) {
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let (line, behind) = match line(&input[at..]) {
            Ok(found) => found,
            Err(begun) => {
                return (data, if size_may_begin(begun, strictness) { End::Cut } else { End::Wrong });
            }
        };
        let Some(size) = size(line, strictness) else { return (data, End::Wrong) };
        at += behind;
        if size == 0 {
            return (data, trailers(input, at, strictness));
        }
        let rest = &input[at..];
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= rest.len()) else {
            data.extend_from_slice(rest);
            return (data, End::Cut);
        };
        data.extend_from_slice(&rest[..size]);
        match &rest[size..] {
            [] | [b'\r'] => return (data, End::Cut),
            [b'\r', b'\n', ..] => at += size + 2,
            _ => return (data, End::Wrong),
        }
    }
}

/// Returns the line at the start of `input` without its end, and its length; without an end, what has begun.
fn line(input: &[u8]) -> Result<(&[u8], usize), &[u8]> {
    // A return that is not followed by its line feed is left in the line, where it is wrong.
    let end = input.iter().position(|byte| *byte == b'\n').ok_or(input)?;
    Ok((&input[..end], end + 1))
}

/// Without its return; None where there is another one, or none.
fn clean(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\r")?;
    (!line.contains(&b'\r')).then_some(line)
}

fn is_text(bytes: &[u8], strictness: Strictness) -> bool {
    strictness == Strictness::Answer || bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

fn size(line: &[u8], strictness: Strictness) -> Option<u64> {
    let line = clean(line)?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extension) = line.split_at(digits);
    let starts = match strictness {
        Strictness::Answer => matches!(extension, [] | [b';' | b' ' | b'\t', ..]) && digits.len() <= 16,
        Strictness::Request => matches!(extension, [] | [b';', ..]),
    };
    if !starts || !is_text(extension, strictness) {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Whether the beginning of a line may become one with a size.
fn size_may_begin(begun: &[u8], strictness: Strictness) -> bool {
    let whole = begun.strip_suffix(b"\r").unwrap_or(begun);
    begun.is_empty() || size(&[whole, b"\r"].concat(), strictness).is_some()
}

fn trailers(input: &[u8], from: usize, strictness: Strictness) -> End {
    let mut at = from;
    loop {
        let (line, behind) = match line(&input[at..]) {
            Ok(found) => found,
            Err(begun) => {
                let whole = begun.strip_suffix(b"\r").unwrap_or(begun);
                let good = clean(&[whole, b"\r"].concat()).is_some() && is_trailer(whole, strictness);
                return if good { End::Cut } else { End::Wrong };
            }
        };
        let Some(line) = clean(line) else { return End::Wrong };
        if !is_trailer(line, strictness) {
            return End::Wrong;
        }
        at += behind;
        if line.is_empty() {
            break;
        }
    }
    if strictness == Strictness::Request && at - from > 2 {
        // hyper reads them as fields.
        let mut fields = [httparse::EMPTY_HEADER; 100];
        if !matches!(
            httparse::parse_headers(&input[from..at], &mut fields),
            Ok(httparse::Status::Complete(_))
        ) {
            return End::Wrong;
        }
    }
    End::Whole(at)
}

fn is_trailer(line: &[u8], strictness: Strictness) -> bool {
    strictness == Strictness::Answer || is_text(line, strictness) && !matches!(line, [b' ' | b'\t', ..])
}
