//! What a client sends to the server: the service sees the requests that a simple reader of the whole text finds,
//! no matter how the bytes are cut or when answers come, and none that hides in another one.

use copilot_net::{
    fuzzing::{Seen, Served, serve},
    server::ServerOptions,
};
use http::{Method, Uri};
use httparse::{EMPTY_HEADER, Request, Status};

use crate::{
    choice,
    chunked::{self, End, Strictness},
    cut,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
struct Expected {
    method: String,
    target: String,
    body: Vec<u8>,
}

/// What is behind the last good request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing that anybody reads.
    Nothing,
    /// A head without an end: it may be refused early, or waited for.
    Begun,
    /// What is refused, or cut.
    Refused,
}

pub fn target(data: &[u8]) {
    let (choices, data) = choice(data);
    let (seed, data) = choice(data);
    let h2c = choices & 4 > 0;
    if data.is_empty() || h2c && data.starts_with(PREFACE) {
        return;
    }
    let small = choices & 1 > 0;
    let options = ServerOptions {
        header_limit: if small { 200 } else { 64 * 1024 },
        body_limit: if choices & 2 > 0 { 16 } else { 1 << 20 },
        h2c,
        ..ServerOptions::default()
    };
    let (expected, rest) = expected(data, &options);
    let late = choices & 8 > 0;
    let serve = |pieces: &[&[u8]], late| serve(options.clone(), pieces, late).expect("a runtime");
    let whole = serve(&[data], false);
    judge(&whole, &expected, rest);
    for (seed, late) in [(0, late), (seed, !late)] {
        let pieces = serve(&cut(data, seed), late);
        judge(&pieces, &expected, rest);
        if rest != Rest::Begun {
            assert_eq!(verdicts(&pieces), verdicts(&whole), "cut by {seed}");
        }
    }
}

fn judge(served: &Served, expected: &[Expected], rest: Rest) {
    let seen = |seen: &Seen| Expected {
        method: seen.method.clone(),
        target: seen.target.clone(),
        body: seen.body.to_vec(),
    };
    let requests: Vec<_> = served.requests.iter().map(seen).collect();
    assert_eq!(requests, expected);
    assert!(served.over, "the connection hangs");
    let statuses: Vec<_> = statuses(served).into_iter().filter(|status| *status != 100).collect();
    let good = statuses.iter().take_while(|status| **status == 200).count();
    assert_eq!(good, expected.len(), "{statuses:?}");
    let refusals = &statuses[good..];
    assert!(refusals.len() <= 1 && refusals.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
    match rest {
        Rest::Nothing => assert!(refusals.is_empty(), "{statuses:?}"),
        Rest::Begun => {}
        Rest::Refused => assert_eq!(refusals.len(), 1, "{statuses:?}"),
    }
}

/// Returns the statuses of all answers. None of the server's texts holds such a line.
fn statuses(served: &Served) -> Vec<u16> {
    let text = String::from_utf8_lossy(&served.answers);
    text.split("HTTP/1.").skip(1).map(|answer| answer[2..5].parse().expect("a status")).collect()
}

/// What is too large and wrong besides is refused for what is noticed first.
fn verdicts(served: &Served) -> Vec<u16> {
    statuses(served)
        .into_iter()
        .map(|status| if matches!(status, 413 | 431) { 400 } else { status })
        .collect()
}

fn expected(mut data: &[u8], options: &ServerOptions) -> (Vec<Expected>, Rest) {
    let mut requests = Vec::new();
    while !data.is_empty() {
        match request(data, options) {
            Ok((request, length, keep)) => {
                requests.push(request);
                data = &data[length..];
                if !keep {
                    return (requests, Rest::Nothing);
                }
            }
            Err(rest) => return (requests, rest),
        }
    }
    (requests, Rest::Nothing)
}

/// Reads the request at the start of `data`: itself, its length, and whether another one may follow.
fn request(data: &[u8], options: &ServerOptions) -> Result<(Expected, usize, bool), Rest> {
    let refused = || Rest::Refused;
    let blank = if data.starts_with(b"\r\n") { 2 } else { 0 };
    let section = |length: &usize| data[..*length].ends_with(b"\n\r\n") || data[..*length].ends_with(b"\n\n");
    let Some(end) = (blank + 1..=data.len()).find(section) else {
        return Err(if data.len() > options.header_limit { Rest::Refused } else { Rest::Begun });
    };
    let head = &data[blank..end];
    if end > options.header_limit || head.starts_with(b"\r\n") {
        return Err(Rest::Refused);
    }
    let bare = head.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || head[at - 1] != b'\r'));
    let mut fields = [EMPTY_HEADER; 100];
    let mut parsed = Request::new(&mut fields);
    if bare || parsed.parse(head) != Ok(Status::Complete(head.len())) {
        return Err(Rest::Refused);
    }
    let (method, target, minor) = (parsed.method, parsed.path, parsed.version);
    let method = Method::from_bytes(method.unwrap_or_default().as_bytes()).map_err(|_| refused())?;
    let target = target.unwrap_or_default();
    let uri = Uri::try_from(target).map_err(|_| refused())?;
    let is_11 = minor == Some(1);
    let values = |name: &str| -> Vec<&[u8]> {
        let same = parsed.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        same.map(|field| field.value).collect()
    };
    let host = match *values("host") {
        [host] => Some(host),
        [] if !is_11 => None,
        _ => return Err(Rest::Refused),
    };
    let named = match (uri.authority(), host) {
        (None, _) => target.starts_with('/') || target == "*",
        (Some(_), None) => uri.scheme().is_some(),
        (Some(authority), Some(host)) => {
            uri.scheme().is_some() && authority.as_str().as_bytes().eq_ignore_ascii_case(host)
        }
    };
    if method == Method::CONNECT || !named || target.len() > 8 * 1024 {
        return Err(Rest::Refused);
    }
    let connection = values("connection").join(&b","[..]).to_ascii_lowercase();
    let tokens: Vec<_> = connection.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
    // A method is a token too.
    if tokens.iter().any(|token| !token.is_empty() && Method::from_bytes(token).is_err()) {
        return Err(Rest::Refused);
    }
    let says = |wanted: &[u8]| tokens.contains(&wanted);
    let keep = !says(b"close") && (is_11 || says(b"keep-alive"));
    let behind = &data[end..];
    let (body, length) = match (&*values("content-length"), &*values("transfer-encoding")) {
        ([], []) => (Vec::new(), 0),
        ([length], []) => {
            let digits = str::from_utf8(length).map_err(|_| refused())?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Rest::Refused);
            }
            let length: u64 = digits.parse().map_err(|_| refused())?;
            let length = usize::try_from(length).map_err(|_| refused())?;
            (behind.get(..length).ok_or_else(refused)?.to_vec(), length)
        }
        ([], [coding]) if is_11 && coding.eq_ignore_ascii_case(b"chunked") => {
            match chunked::decode(behind, Strictness::Request) {
                (body, End::Whole(length)) => (body, length),
                _ => return Err(Rest::Refused),
            }
        }
        _ => return Err(Rest::Refused),
    };
    if body.len() > options.body_limit {
        return Err(Rest::Refused);
    }
    Ok((Expected { method: method.to_string(), target: uri.to_string(), body }, end + length, keep))
}
