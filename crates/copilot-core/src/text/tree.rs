//! A value that can be changed: what repairs and whole answers are made with.

use std::borrow::Cow;

use super::{
    document::{Kind, Node, number_is_truthy},
    escape::{escape, unescape, unescape_json},
};

/// The members of an object, in order, each name once. Names are canonical insides of strings.
pub type Members<'a> = Vec<(Cow<'a, str>, Tree<'a>)>;

/// A JSON value; numbers as they were spelled, strings as canonical insides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tree<'a> {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it is spelled
    Number(Cow<'a, str>),
    /// The canonical inside of a string
    Text(Cow<'a, str>),
    /// An array
    List(Vec<Self>),
    /// An object
    Object(Members<'a>),
}

impl<'a> From<Node<'_, 'a>> for Tree<'a> {
    fn from(node: Node<'_, 'a>) -> Self {
        match node.kind() {
            Kind::Null => Self::Null,
            Kind::True => Self::Bool(true),
            Kind::False => Self::Bool(false),
            Kind::Number => Self::Number(Cow::Borrowed(node.raw())),
            Kind::String => Self::Text(node.string().unwrap_or_default()),
            Kind::List => Self::List(node.items().map(Self::from).collect()),
            Kind::Object => Self::Object(
                node.members()
                    .into_iter()
                    .map(|(name, value)| (name.string().unwrap_or_default(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl<'a> Tree<'a> {
    /// A string with this text.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::Text(Cow::Owned(escape(text).into_owned()))
    }

    /// A string with this text, which needs no escapes.
    #[must_use]
    pub const fn word(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A whole number.
    #[must_use]
    pub fn count(number: i64) -> Self {
        Self::Number(Cow::Owned(number.to_string()))
    }

    /// An object.
    #[must_use]
    pub fn object<const N: usize>(members: [(&'a str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// The canonical inside of a string; empty for every other value.
    #[must_use]
    pub fn inside(&self) -> &str {
        match self {
            Self::Text(inside) => inside,
            _ => "",
        }
    }

    /// The text of a string; empty for every other value.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        unescape(self.inside())
    }

    /// The text of a string that holds JSON.
    #[must_use]
    pub fn json_text(&self) -> Cow<'_, str> {
        unescape_json(self.inside())
    }

    /// The members of an object; none of every other value.
    #[must_use]
    pub fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of every other value.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether this is an object.
    #[must_use]
    pub const fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The value of a member; `null` when there is none.
    #[must_use]
    pub fn at(&self, name: &str) -> &Self {
        const NULL: &Tree<'static> = &Tree::Null;
        self.get(name).unwrap_or(NULL)
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of a member, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(members) => members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets a member of an object, in place or at its end.
    pub fn set(&mut self, name: &'a str, value: Self) {
        self.set_named(Cow::Borrowed(name), value);
    }

    /// Sets a member of an object, in place or at its end.
    pub fn set_named(&mut self, name: Cow<'a, str>, value: Self) {
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(key, _)| *key == name) {
                Some(member) => member.1 = value,
                None => members.push((name, value)),
            }
        }
    }

    /// Takes a member out of an object.
    pub fn take(&mut self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => {
                let place = members.iter().position(|(key, _)| key == name)?;
                Some(members.remove(place).1)
            }
            _ => None,
        }
    }

    /// What Python thinks of the value; empty lists and objects are false.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => number_is_truthy(number),
            Self::Text(inside) => !inside.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Object(members) => !members.is_empty(),
        }
    }

    /// Appends the value in canonical form.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(number),
            Self::Text(inside) => {
                out.push('"');
                out.push_str(inside);
                out.push('"');
            }
            Self::List(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    out.push('"');
                    out.push_str(name);
                    out.push_str("\":");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The value in canonical form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// The same value without borrowing.
    #[must_use]
    pub fn into_owned(self) -> Tree<'static> {
        match self {
            Self::Null => Tree::Null,
            Self::Bool(value) => Tree::Bool(value),
            Self::Number(number) => Tree::Number(Cow::Owned(number.into_owned())),
            Self::Text(inside) => Tree::Text(Cow::Owned(inside.into_owned())),
            Self::List(items) => Tree::List(items.into_iter().map(Self::into_owned).collect()),
            Self::Object(members) => Tree::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }
}
