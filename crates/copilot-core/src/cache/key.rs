//! The key of a request: a hash over its canonical form.

use sha2::{Digest as _, Sha256};

use crate::{
    plans::Dialect,
    text::{Document, Kind, Node},
};

/// SHA-256 of a scope and a canonical body.
pub type Key = [u8; 32];

/// Changes when the canonical form does.
const FORM: &str = "copilot-api cache key 1";

/// Members of the request that do not count: the model is in the scope as it was resolved, and what is cached is
/// no stream.
const LEFT_OUT: [&str; 2] = ["model", "stream"];

/// The key of a request that validation accepted; `None` when it may not be cached.
#[must_use]
pub fn key(body: &[u8], dialect: Dialect, scope: &[&str]) -> Option<Key> {
    key_of(&Document::read(body).ok()?, dialect, scope)
}

/// The key of a body that was read already.
#[must_use]
pub fn key_of(document: &Document<'_>, dialect: Dialect, scope: &[&str]) -> Option<Key> {
    if !matches!(dialect, Dialect::Chat | Dialect::Messages | Dialect::Embeddings) {
        return None;
    }
    let root = document.root();
    if root.kind() != Kind::Object || (dialect != Dialect::Embeddings && !is_zero(root.get("temperature")?)) {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [FORM, dialect.name()].iter().chain(scope) {
        // With its length, so that no part can run into the next.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    write_object(root, &LEFT_OUT, &mut hash);
    Some(hash.finalize().into())
}

fn is_zero(value: Node<'_, '_>) -> bool {
    let digits = value.raw().split(['e', 'E']).next().unwrap_or_default();
    value.kind() == Kind::Number && !digits.contains(|digit: char| matches!(digit, '1'..='9'))
}

fn write(value: Node<'_, '_>, out: &mut Sha256) {
    match value.kind() {
        Kind::Object => write_object(value, &[], out),
        Kind::List => {
            out.update("[");
            for (number, item) in value.items().enumerate() {
                if number > 0 {
                    out.update(",");
                }
                write(item, out);
            }
            out.update("]");
        }
        Kind::String => write_string(&value.string().unwrap_or_default(), out),
        Kind::Number => write_number(value.raw(), out),
        Kind::Null | Kind::True | Kind::False => out.update(value.raw()),
    }
}

fn write_object(value: Node<'_, '_>, left_out: &[&str], out: &mut Sha256) {
    let members = value.members().into_iter();
    let mut members: Vec<_> =
        members.map(|(name, value)| (name.string().unwrap_or_default(), value)).collect();
    members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let kept = members.iter().filter(|(name, _)| !left_out.contains(&&**name));
    out.update("{");
    for (number, (name, value)) in kept.enumerate() {
        if number > 0 {
            out.update(",");
        }
        write_string(name, out);
        out.update(":");
        write(*value, out);
    }
    out.update("}");
}

fn write_string(inside: &str, out: &mut Sha256) {
    out.update("\"");
    out.update(inside);
    out.update("\"");
}

/// Writes a number by its value, exactly: its digits without zeros at either end, and an exponent. `1.0`, `1` and
/// `10e-1` are one; no number is rounded.
fn write_number(spelled: &str, out: &mut Sha256) {
    let (mantissa, exponent) = spelled.split_once(['e', 'E']).unwrap_or((spelled, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        out.update("0");
        return;
    }
    let kept = digits.trim_end_matches('0');
    let shift = |exponent: i64| {
        let zeros = i64::try_from(digits.len() - kept.len()).ok()?;
        exponent.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)
    };
    match exponent.parse().ok().and_then(shift) {
        Some(0) => {
            out.update(sign);
            out.update(kept);
        }
        Some(exponent) => {
            out.update(sign);
            out.update(kept);
            out.update(format!("e{exponent}"));
        }
        // An exponent that no machine counts with: such a number equals only itself.
        None => out.update(spelled),
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, key};
    use crate::plans::Dialect;

    fn of(body: &str) -> Option<Key> {
        key(body.as_bytes(), Dialect::Chat, &["m"])
    }

    /// The key of a request at temperature 0 with this member.
    fn with(member: &str) -> Key {
        let Some(key) = of(&format!("{{\"temperature\":0,{member}}}")) else { unreachable!() };
        key
    }

    #[test]
    fn spelling_does_not_matter() {
        assert_eq!(
            of(
                r#"{"model":"a","temperature":0,"messages":[{"role":"user","content":"é/\n"}],"stream":false}"#
            ),
            of(
                " { \"messages\" : [ {\"content\":\"\\u00e9\\/\\u000a\" , \"role\":\"user\"} ],\n\"temperature\":-0.0e9 } "
            ),
        );
        for (one, other) in
            [("1", "1.0"), ("1", "10e-1"), ("100", "1E+2"), ("-0", "0e99999999999999999999"), ("0.5", "5e-1")]
        {
            assert_eq!(with(&format!("\"n\":{one}")), with(&format!("\"n\":{other}")), "{one} {other}");
        }
        assert_eq!(with(r#""a":1,"b":2"#), with(r#""b":2,"a":7,"\u0061":1"#));
    }

    #[test]
    fn everything_else_matters() {
        let bodies = [
            r#""n":1"#,
            r#""n":-1"#,
            r#""n":10"#,
            r#""n":1.0000000000000000000000001"#,
            r#""n":1e99999999999999999999"#,
            r#""n":1e9223372036854775807"#,
            r#""n":"1""#,
            r#""n":null"#,
            r#""n":[1]"#,
            r#""n":[[1]]"#,
            r#""n":[1,1]"#,
            r#""n":{"1":1}"#,
            r#""n":"\ud800""#,
            r#""n":"\ud801""#,
            r#""n":"\\ud800""#,
            r#""user":"u""#,
            r#""user":"v""#,
            r#""metadata":{"user_id":"u"}"#,
            r#""n":{"model":"inner"}"#,
            r#""n":{}"#,
        ];
        let keys: std::collections::HashSet<_> = bodies.iter().map(|body| with(body)).collect();
        assert_eq!(keys.len(), bodies.len());
        let body = br#"{"temperature":0}"#;
        let scopes: [&[&str]; 4] = [&["a", "b"], &["ab", ""], &["", "ab"], &["ab"]];
        let keys: std::collections::HashSet<_> =
            scopes.iter().map(|scope| key(body, Dialect::Chat, scope)).collect();
        assert_eq!(keys.len(), scopes.len());
        assert_ne!(key(body, Dialect::Chat, &[]), key(body, Dialect::Messages, &[]));
    }

    #[test]
    fn only_what_is_meant_to_be_the_same_again_may_be_cached() {
        for body in [
            "{}",
            "[]",
            r#"{"temperature":0.1}"#,
            r#"{"temperature":1e-400}"#,
            r#"{"temperature":null}"#,
            r#"{"temperature":"0"}"#,
            r#"{"temperature":0,"temperature":1}"#,
            "nothing",
        ] {
            assert_eq!(of(body), None, "{body}");
        }
        assert!(of(r#"{"temperature":1,"temperature":0}"#).is_some());
        assert!(key(b"{}", Dialect::Embeddings, &[]).is_some());
        assert_eq!(key(b"[]", Dialect::Embeddings, &[]), None);
    }
}
