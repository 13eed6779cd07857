//! serde over the [`Tree`]: each field asks for its type, and [`At`] remembers where its value stands.

use serde::Deserializer;
use serde::de::{DeserializeOwned, Visitor};

use super::scalar::{self, Plain};
use super::tree::{Node, Tree};
use crate::source::Loc;

mod access;
mod at;
mod fault;

use access::{AtSeq, Choice, Items, Pairs};
use at::AT;
pub use at::At;
pub(super) use at::{MANY, SWITCH};
use fault::{Fault, list};

/// Reads a value. The first fault ends it: [`shape::read`](super::shape::read) finds the others.
///
/// # Errors
/// Where the fault is, and what it is, as a title.
pub fn from_tree<T: DeserializeOwned>(tree: &Tree, at: Loc) -> Result<T, (Loc, String)> {
    T::deserialize(NodeDe {
        tree,
        at,
        key: false,
    })
    .map_err(|fault| (fault.at.unwrap_or(at), fault.title))
}

/// One node, as serde asks for it.
#[derive(Clone, Copy)]
struct NodeDe<'t> {
    tree: &'t Tree,
    at: Loc,
    /// A key is text, however it looks; a number may be read from it.
    key: bool,
}

impl<'t> NodeDe<'t> {
    fn fault(&self, title: impl Into<String>) -> Fault {
        Fault::new(self.at, title)
    }

    fn is_param(&self) -> bool {
        matches!(self.tree.node(self.at), Node::Scalar { param: true, .. })
    }

    /// A scalar's text and whether it may be read as a switch or number; null is a fault.
    fn scalar(&self, expected: &str) -> Result<(&'t str, bool), Fault> {
        match self.tree.node(self.at) {
            Node::Scalar { text, plain, param } => {
                if plain && !param && !self.key && scalar::is_null(text) {
                    return Err(self.fault("a value is missing here"));
                }
                Ok((text, plain || param || self.key))
            }
            Node::Seq(_) => Err(self.fault(format!("expected {expected}, found a list"))),
            Node::Map(_) => Err(self.fault(format!("expected {expected}, found a mapping"))),
        }
    }

    /// A switch, if the node is one.
    fn switch(&self) -> Option<bool> {
        match self.tree.node(self.at) {
            Node::Scalar { text, plain, param } if plain || param => scalar::switch(text),
            _ => None,
        }
    }

    fn whole(&self) -> Result<i128, Fault> {
        let (text, open) = self.scalar("a whole number")?;
        match scalar::plain(text) {
            Plain::Whole(number) if open => Ok(number),
            Plain::Whole(_) => Err(self.fault(format!(
                "expected a whole number, found the text \"{text}\""
            ))),
            _ => Err(self.fault(format!("expected a whole number, found `{text}`"))),
        }
    }

    fn text(&self) -> Result<&'t str, Fault> {
        let (text, _) = self.scalar("text")?;
        let Node::Scalar {
            plain: true,
            param: false,
            ..
        } = self.tree.node(self.at)
        else {
            return Ok(text);
        };
        match scalar::plain(text) {
            _ if self.key => Ok(text),
            Plain::Text | Plain::Null => Ok(text),
            Plain::Bool(_) => Err(self.fault(format!(
                "expected text, found the switch `{text}`: write it in quotes"
            ))),
            _ => Err(self.fault(format!(
                "expected text, found the number {text}: write it in quotes"
            ))),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.whole()?;
            let number = <$type>::try_from(number).map_err(|_| {
                self.fault(format!("{number} is not between {} and {}", <$type>::MIN, <$type>::MAX))
            })?;
            visitor.$visit(number).map_err(|fault: Fault| fault.or_at(self.at))
        }
    )*};
}

impl<'de, 't> Deserializer<'de> for NodeDe<'t> {
    type Error = Fault;

    whole_numbers!(
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let read = match self.tree.node(self.at) {
            Node::Seq(_) => return self.deserialize_seq(visitor),
            Node::Map(_) => return self.deserialize_map(visitor),
            Node::Scalar { text, .. } if self.key => visitor.visit_str(text),
            Node::Scalar {
                text,
                plain: false,
                param: false,
            } => visitor.visit_str(text),
            Node::Scalar { text, .. } => match (scalar::switch(text), scalar::plain(text)) {
                (Some(on), _) => visitor.visit_bool(on),
                (_, Plain::Null) if !self.is_param() => visitor.visit_unit(),
                (_, Plain::Whole(number)) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => visitor.visit_str(text),
                },
                (_, Plain::Float(number)) => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
        };
        read.map_err(|fault: Fault| fault.or_at(self.at))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let (text, open) = self.scalar("`on` or `off`")?;
        match scalar::switch(text).filter(|_| open) {
            Some(on) => visitor
                .visit_bool(on)
                .map_err(|fault: Fault| fault.or_at(self.at)),
            None => Err(self.fault(match scalar::meant_switch(text) {
                Some(word) => format!("`{text}` is not a switch: write `{word}`"),
                None => format!("expected `on` or `off`, found `{text}`"),
            })),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let (text, open) = self.scalar("a number")?;
        let number = match scalar::plain(text) {
            Plain::Whole(number) if open => number as f64,
            Plain::Float(number) if open => number,
            _ => return Err(self.fault(format!("expected a number, found `{text}`"))),
        };
        visitor
            .visit_f64(number)
            .map_err(|fault: Fault| fault.or_at(self.at))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor
            .visit_str(self.text()?)
            .map_err(|fault: Fault| fault.or_at(self.at))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Node::Scalar {
            text,
            plain: true,
            param: false,
        } = self.tree.node(self.at)
            && scalar::is_null(text)
        {
            return Err(self.fault("a value is missing here"));
        }
        visitor
            .visit_some(self)
            .map_err(|fault: Fault| fault.or_at(self.at))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.tree.node(self.at) {
            Node::Scalar {
                text, plain: true, ..
            } if scalar::is_null(text) => visitor.visit_unit(),
            Node::Map([]) => visitor.visit_unit(),
            _ => Err(self.fault("expected nothing, or `{}`")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let read = if name == AT {
            visitor.visit_seq(AtSeq {
                node: self,
                step: 0,
            })
        } else if let (SWITCH, Some(on)) = (name, self.switch()) {
            visitor.visit_bool(on)
        } else if name == MANY {
            let rest = match self.tree.node(self.at) {
                Node::Seq(items) => items.iter(),
                _ => std::slice::from_ref(&self.at).iter(),
            };
            visitor.visit_seq(Items { node: self, rest })
        } else {
            visitor.visit_newtype_struct(self)
        };
        read.map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Node::Seq(items) = self.tree.node(self.at) else {
            let found = if self.tree.is_map(self.at) {
                "a mapping".into()
            } else {
                format!("`{}`", self.scalar("a list")?.0)
            };
            return Err(self.fault(format!("expected a list, found {found}")));
        };
        visitor
            .visit_seq(Items {
                node: self,
                rest: items.iter(),
            })
            .map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Node::Map(pairs) = self.tree.node(self.at) else {
            let found = match self.tree.node(self.at) {
                Node::Seq(_) => "a list".into(),
                _ => format!("`{}`", self.scalar("a mapping")?.0),
            };
            return Err(self.fault(format!("expected a mapping, found {found}")));
        };
        visitor
            .visit_map(Pairs {
                node: self,
                rest: pairs.iter(),
                value: None,
            })
            .map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let choice = match self.tree.node(self.at) {
            Node::Scalar { .. } => {
                let expected = list(variants);
                self.scalar(&expected)?;
                Choice {
                    name: self,
                    value: None,
                }
            }
            Node::Map([(key, value)]) => Choice {
                name: NodeDe {
                    at: *key,
                    key: true,
                    ..self
                },
                value: Some(NodeDe {
                    at: *value,
                    key: false,
                    ..self
                }),
            },
            Node::Map([]) => return Err(self.fault(format!("choose one of {}", list(variants)))),
            Node::Map([_, (second, _), ..]) => {
                return Err(Fault::new(
                    *second,
                    format!("one choice only, of {}", list(variants)),
                ));
            }
            Node::Seq(_) => {
                return Err(self.fault(format!("expected one of {}, found a list", list(variants))));
            }
        };
        visitor
            .visit_enum(choice)
            .map_err(|fault| fault.or_at(self.at))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let (text, _) = self.scalar("a key")?;
        visitor
            .visit_str(text)
            .map_err(|fault: Fault| fault.or_at(self.at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}
