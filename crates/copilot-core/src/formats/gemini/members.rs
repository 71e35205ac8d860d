//! Reading Google's JSON: members in either spelling, contents and parts in every shape that Google takes.

use std::borrow::Cow;

use crate::{
    canonical::{Inside, Value},
    text::{Kind, Node, Tree, code_points, unescape},
    validation::{InvalidRequest, Path},
};

pub(super) type Result<T> = std::result::Result<T, InvalidRequest>;

/// The members of an object by their camelCase names, without those that are null.
#[derive(Debug, Default)]
pub(super) struct Object<'d, 'a>(Vec<(Inside<'a>, Node<'d, 'a>)>);

impl<'d, 'a> Object<'d, 'a> {
    /// The value of a member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<Node<'d, 'a>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Inside<'a>, Node<'d, 'a>)> {
        self.0.iter()
    }

    /// The names of the members that nobody reads, as they can be printed.
    pub(super) fn others<'o>(&'o self, known: &'o [&str]) -> impl Iterator<Item = Cow<'o, str>> {
        self.0.iter().filter(|(name, _)| !known.contains(&&**name)).map(|(name, _)| unescape(name))
    }

    /// A string member; empty when it is absent.
    pub(super) fn text(&self, name: &str, path: Path<'_>) -> Result<Inside<'a>> {
        let Some(value) = self.get(name) else {
            return Ok(Inside::default());
        };
        value.string().ok_or_else(|| InvalidRequest::new("must be a string", format!("{}.{name}", path())))
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.kind() == Kind::True)
    }
}

/// One part of a content.
#[derive(Debug)]
pub(super) struct Part<'d, 'a> {
    pub(super) members: Object<'d, 'a>,
    pub(super) path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Model,
}

/// One message.
#[derive(Debug)]
pub(super) struct Content<'d, 'a> {
    pub(super) role: Role,
    pub(super) parts: Vec<Part<'d, 'a>>,
}

/// A member's name as JSON has it; protobuf's own spelling is as good (`inline_data`).
fn camel(name: Inside<'_>) -> Inside<'_> {
    let hump =
        |after: &str| after.starts_with(|next: char| next.is_ascii_lowercase() || next.is_ascii_digit());
    if !name.match_indices('_').any(|(at, _)| name.get(at + 1..).is_some_and(hump)) {
        return name;
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = &*name;
    while let Some((before, after)) = rest.split_once('_') {
        out.push_str(before);
        rest = after;
        if hump(after) {
            let mut characters = after.chars();
            out.extend(characters.next().map(|first| first.to_ascii_uppercase()));
            rest = characters.as_str();
        } else {
            out.push('_');
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The members of an object; none of every other value.
pub(super) fn named<'d, 'a>(value: Node<'d, 'a>) -> Object<'d, 'a> {
    let mut members: Vec<(Inside<'a>, Node<'d, 'a>)> = Vec::new();
    for (name, item) in value.members() {
        if item.is_null() {
            continue;
        }
        let name = camel(name.string().unwrap_or_default());
        match members.iter_mut().find(|(other, _)| *other == name) {
            Some(member) => member.1 = item,
            None => members.push((name, item)),
        }
    }
    Object(members)
}

/// The members of an object; none when it is absent.
pub(super) fn object_at<'d, 'a>(value: Option<Node<'d, 'a>>, path: Path<'_>) -> Result<Object<'d, 'a>> {
    match value.filter(|value| !value.is_null()) {
        None => Ok(Object::default()),
        Some(value) if value.kind() == Kind::Object => Ok(named(value)),
        Some(_) => Err(InvalidRequest::new("must be an object", path())),
    }
}

/// The objects of a list with their paths; one object is a list of one.
pub(super) fn objects_at<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    path: Path<'_>,
) -> Result<Vec<(Object<'d, 'a>, String)>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    match value.kind() {
        Kind::Object => Ok(vec![(named(value), path())]),
        Kind::List => {
            let base = path();
            let object = |(number, item): (usize, Node<'d, 'a>)| {
                let path = format!("{base}[{number}]");
                if item.kind() == Kind::Object {
                    Ok((named(item), path))
                } else {
                    Err(InvalidRequest::new("must be an object", path))
                }
            };
            value.items().enumerate().map(object).collect()
        }
        _ => Err(InvalidRequest::new("must be a list", path())),
    }
}

/// A word of protobuf in small letters.
pub(super) fn lowered(word: Inside<'_>) -> Inside<'_> {
    let changes = word.bytes().any(|byte| byte.is_ascii_uppercase());
    // The escape of a lone surrogate is ASCII, what it stands for is not.
    if changes && code_points(&word).all(|code| code < 0x80) {
        Cow::Owned(word.to_ascii_lowercase())
    } else {
        word
    }
}

/// The spelling of a number, which JSON of protobuf may put in quotation marks.
pub(super) fn digits_of<'a>(value: Node<'_, 'a>) -> Option<Cow<'a, str>> {
    match value.kind() {
        Kind::Number => Some(Cow::Borrowed(value.raw())),
        Kind::String => value.text().filter(|text| is_number(text)),
        _ => None,
    }
}

/// A number that came as a string as a number; every other value as it is.
pub(super) fn number_of<'d, 'a>(value: Node<'d, 'a>) -> Value<'d, 'a> {
    match digits_of(value) {
        Some(digits) if value.kind() == Kind::String => Value::Tree(Tree::Number(digits)),
        _ => Value::Node(value),
    }
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

const WRAPPED: &str = "generateContentRequest";

/// The members of a request and the path before them: `:countTokens` may wrap it.
pub(super) fn request_of<'d, 'a>(root: Node<'d, 'a>) -> Result<(Object<'d, 'a>, &'static str)> {
    if root.kind() != Kind::Object {
        return Err(InvalidRequest::new("the body must be a JSON object", ""));
    }
    let members = named(root);
    match members.get(WRAPPED) {
        None => Ok((members, "")),
        inner => Ok((object_at(inner, &|| WRAPPED.to_owned())?, "generateContentRequest.")),
    }
}

/// The contents; none of them is an error.
pub(super) fn contents_at<'d, 'a>(value: Option<Node<'d, 'a>>, path: &str) -> Result<Vec<Content<'d, 'a>>> {
    let none = || InvalidRequest::new("must be a list of contents", path);
    let value = value.ok_or_else(none)?;
    match value.kind() {
        Kind::String | Kind::Object => Ok(vec![content_at(value, path, true)?]),
        Kind::List if value.items().next().is_some() => {
            let content = |(number, item)| content_at(item, &format!("{path}[{number}]"), true);
            value.items().enumerate().map(content).collect()
        }
        _ => Err(none()),
    }
}

/// One content; a string is the user's text. The role of a system instruction says nothing.
pub(super) fn content_at<'d, 'a>(value: Node<'d, 'a>, path: &str, has_role: bool) -> Result<Content<'d, 'a>> {
    if value.kind() == Kind::String {
        return Ok(Content { role: Role::User, parts: vec![part_at(value, path.to_owned())?] });
    }
    if value.kind() != Kind::Object {
        return Err(InvalidRequest::new("must be an object", path));
    }
    let members = named(value);
    let mut role = Role::User;
    if let Some(given) = members.get("role").filter(|_| has_role) {
        role = match given.text().as_deref() {
            Some("model") => Role::Model,
            Some("user" | "function" | "tool" | "") => Role::User,
            _ => {
                let path = format!("{path}.role");
                return Err(InvalidRequest::new("must be user, model or function", path));
            }
        };
    }
    Ok(Content { role, parts: parts_at(members.get("parts"), &format!("{path}.parts"))? })
}

fn parts_at<'d, 'a>(value: Option<Node<'d, 'a>>, path: &str) -> Result<Vec<Part<'d, 'a>>> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    match value.kind() {
        Kind::String | Kind::Object => Ok(vec![part_at(value, path.to_owned())?]),
        Kind::List => {
            value.items().enumerate().map(|(at, item)| part_at(item, format!("{path}[{at}]"))).collect()
        }
        _ => Err(InvalidRequest::new("must be a list of parts", path)),
    }
}

fn part_at<'d, 'a>(value: Node<'d, 'a>, path: String) -> Result<Part<'d, 'a>> {
    match value.kind() {
        Kind::String => Ok(Part { members: Object(vec![(Cow::Borrowed("text"), value)]), path }),
        Kind::Object => Ok(Part { members: named(value), path }),
        _ => Err(InvalidRequest::new("must be an object", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::{camel, is_number};

    #[test]
    fn names_in_either_spelling() {
        for (name, expected) in [
            ("inline_data", "inlineData"),
            ("inlineData", "inlineData"),
            ("_a_b__c_", "AB_C_"),
            ("top_1", "top1"),
            ("_É_\\n", "_É_\\n"),
        ] {
            assert_eq!(camel(name.into()), expected);
        }
    }

    #[test]
    fn numbers_in_quotation_marks() {
        for text in ["0", "-1", "12.50", "1e5", "1.0E-2"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1 ", "١", "--1", "1e1e1", "1.1.1"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
