//! By what a client calls its conversation, where its body says so (clients.md).

use sha2::{Digest as _, Sha256};

use crate::{
    plans::Dialect,
    text::{Document, Node},
};

/// What stands before the session in a `user_id` of older Claude Codes.
const MARK: &str = "_session_";
/// Digits that a name which is not kept is shortened to.
const DIGITS: usize = 16;

/// The name of the conversation; empty when the body tells none.
pub(crate) fn session(root: Node<'_, '_>, dialect: Dialect) -> String {
    let found = match dialect {
        Dialect::Messages => of_user_id(root),
        Dialect::Chat | Dialect::Responses | Dialect::Completions => {
            let key = || root.get("prompt_cache_key")?.text().filter(|key| !key.is_empty());
            let told = || root.get("client_metadata")?.get("session_id")?.text();
            key().or_else(told).map(|name| shown(&name))
        }
        Dialect::Gemini | Dialect::Ollama | Dialect::Embeddings => None,
    };
    found.unwrap_or_default()
}

/// A `user_id` names the user, and that is not kept; Claude Code puts its session there too.
fn of_user_id(root: Node<'_, '_>) -> Option<String> {
    let id = root.get("metadata")?.get("user_id")?.text()?;
    if id.starts_with('{') {
        let members = Document::of_text(&id).ok()?;
        return Some(shown(&members.root().get("session_id")?.text()?));
    }
    id.rsplit_once(MARK).map(|(_, session)| shown(session))
}

/// A name that a program made up is kept, of any other a hash.
fn shown(name: &str) -> String {
    if name.is_empty() || is_made_up(name) {
        return name.to_owned();
    }
    let hash = Sha256::digest(name);
    let digits = hash.iter().take(DIGITS / 2).flat_map(|byte| [byte >> 4, byte & 15]);
    std::iter::once('#').chain(digits.filter_map(|digit| char::from_digit(digit.into(), 16))).collect()
}

/// Whether it is a UUID, or a short word and at least 16 letters and digits (`ses_dfa029eafffevAYuU1N4uh8N9X`).
fn is_made_up(name: &str) -> bool {
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut groups = name.split('-');
    if [8, 4, 4, 4, 12].into_iter().all(|length| groups.next().is_some_and(|group| is_hex(group, length))) {
        return groups.next().is_none();
    }
    name.split_once('_').is_some_and(|(word, rest)| {
        (1..=8).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_lowercase())
            && (16..=64).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::session;
    use crate::{plans::Dialect, text::Document};

    fn of(dialect: Dialect, body: &str) -> String {
        Document::of_text(body).map(|document| session(document.root(), dialect)).unwrap_or_default()
    }

    #[test]
    fn what_clients_say_is_found() {
        let uuid = "efbc8ab2-637e-4f23-909b-0869128c4eac";
        let old = format!(r#"{{"metadata":{{"user_id":"user_ab_account__session_{uuid}"}}}}"#);
        assert_eq!(of(Dialect::Messages, &old), uuid);
        let new =
            format!(r#"{{"metadata":{{"user_id":"{{\"device_id\":\"d\",\"session_id\":\"{uuid}\"}}"}}}}"#);
        assert_eq!(of(Dialect::Messages, &new), uuid);
        assert_eq!(of(Dialect::Chat, &old), "");
        let key = r#"{"prompt_cache_key":"ses_dfa02530fffeAWKt2502ySDhMX"}"#;
        assert_eq!(of(Dialect::Responses, key), "ses_dfa02530fffeAWKt2502ySDhMX");
        let told = format!(r#"{{"prompt_cache_key":"","client_metadata":{{"session_id":"{uuid}"}}}}"#);
        assert_eq!(of(Dialect::Responses, &told), uuid);
    }

    #[test]
    fn names_of_people_are_not_kept() {
        assert_eq!(of(Dialect::Messages, r#"{"metadata":{"user_id":"ann@example.org"}}"#), "");
        let hashed = of(Dialect::Chat, r#"{"prompt_cache_key":"ann@example.org"}"#);
        assert_eq!(hashed, "#438c4c7afe600cdf");
        for body in
            [r#"{"metadata":{"user_id":"{"}}"#, r#"{"metadata":1}"#, r#"{"prompt_cache_key":7}"#, "[]"]
        {
            assert_eq!(of(Dialect::Messages, body), "");
            assert_eq!(of(Dialect::Chat, body), "");
        }
    }
}
