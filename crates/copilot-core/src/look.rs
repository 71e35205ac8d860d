//! One way to read a value, whether it stands in a document or was made.

use std::borrow::Cow;

use crate::text::{Kind, Node, Tree};

/// A JSON value to look at.
pub(crate) trait Look<'v>: Copy {
    /// The value of a member of an object.
    fn member(self, name: &str) -> Option<Self>;
    /// The items of a list; none of every other value.
    fn each(self) -> impl Iterator<Item = Self>;
    /// The values of an object; none of every other value.
    fn values(self) -> impl Iterator<Item = Self>;
    /// Whether it is `null`.
    fn is_nothing(self) -> bool;
    /// Whether it is a list.
    fn is_list(self) -> bool;
    /// Whether it is an object.
    fn is_map(self) -> bool;
    /// The canonical inside of a string.
    fn inside(self) -> Option<Cow<'v, str>>;
    /// A number as it is spelled.
    fn digits(self) -> Option<&'v str>;

    /// The canonical inside of a string member; empty when there is none.
    fn word(self, name: &str) -> Cow<'v, str> {
        self.member(name).and_then(Self::inside).unwrap_or_default()
    }
}

impl<'v> Look<'v> for Node<'_, 'v> {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }
    fn each(self) -> impl Iterator<Item = Self> {
        self.items()
    }
    fn values(self) -> impl Iterator<Item = Self> {
        self.members().into_iter().map(|(_, value)| value)
    }
    fn is_nothing(self) -> bool {
        self.is_null()
    }
    fn is_list(self) -> bool {
        self.kind() == Kind::List
    }
    fn is_map(self) -> bool {
        self.kind() == Kind::Object
    }
    fn inside(self) -> Option<Cow<'v, str>> {
        self.string()
    }
    fn digits(self) -> Option<&'v str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }
}

impl<'v> Look<'v> for &'v Tree<'_> {
    fn member(self, name: &str) -> Option<Self> {
        self.get(name)
    }
    fn each(self) -> impl Iterator<Item = Self> {
        self.items().iter()
    }
    fn values(self) -> impl Iterator<Item = Self> {
        self.members().iter().map(|(_, value)| value)
    }
    fn is_nothing(self) -> bool {
        *self == Tree::Null
    }
    fn is_list(self) -> bool {
        matches!(self, Tree::List(_))
    }
    fn is_map(self) -> bool {
        self.is_object()
    }
    fn inside(self) -> Option<Cow<'v, str>> {
        match self {
            Tree::Text(inside) => Some(Cow::Borrowed(inside)),
            _ => None,
        }
    }
    fn digits(self) -> Option<&'v str> {
        match self {
            Tree::Number(number) => Some(number),
            _ => None,
        }
    }
}
