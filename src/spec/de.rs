//! serde over the [`Tree`]: each field asks for its type, and [`At`] remembers where its value stands.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scalar::{self, Plain};
use super::tree::{Node, Tree};
use crate::source::Loc;

/// A value and the node that it was written at. Equality and order look at the value alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its node; `Loc(0)` when it was read from something other than a spec.
    pub at: Loc,
}

impl<T> At<T> {
    /// A value at a node.
    pub fn new(value: T, at: Loc) -> Self {
        Self { value, at }
    }

    /// A value whose place is that of what holds it: a shorthand.
    pub fn unplaced(value: T) -> Self {
        Self { value, at: Loc(0) }
    }

    /// The same place, another value.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: turn(self.value),
            at: self.at,
        }
    }

    /// A look at the value that keeps the place.
    pub fn as_ref(&self) -> At<&T> {
        At {
            value: &self.value,
            at: self.at,
        }
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: PartialOrd> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: std::hash::Hash> std::hash::Hash for At<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// By this name the tree's deserializer knows that the place is asked for.
const AT: &str = "$wsgen::At";

/// By this name the tree's deserializer shows a single value as a list of one.
pub(super) const MANY: &str = "$wsgen::Many";

/// By this name the tree's deserializer shows `on` and `off` as such, and anything else as it is.
pub(super) const SWITCH: &str = "$wsgen::Switch";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<At<T>, D::Error> {
                Ok(At {
                    value: T::deserialize(deserializer)?,
                    at: Loc(0),
                })
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<At<T>, A::Error> {
                let at = seq.next_element::<u32>()?.unwrap_or(0);
                match seq.next_element()? {
                    Some(value) => Ok(At { value, at: Loc(at) }),
                    None => Err(de::Error::custom("a value is missing here")),
                }
            }
        }

        deserializer.deserialize_newtype_struct(AT, AtVisitor(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

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

/// A located fault on its way up.
#[derive(Debug)]
struct Fault {
    at: Option<Loc>,
    title: String,
}

impl Fault {
    fn new(at: Loc, title: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            title: title.into(),
        }
    }

    /// The innermost place wins.
    fn or_at(mut self, at: Loc) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<M: fmt::Display>(title: M) -> Self {
        Self {
            at: None,
            title: title.to_string(),
        }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {}",
            found_words(found)
        ))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!(
            "expected {expected}, found {}",
            found_words(found)
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!(
            "unknown key `{field}`, expected {}",
            list(expected)
        ))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("`{variant}` is none of {}", list(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is written twice"))
    }
}

fn found_words(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Bool(true) => "`on`".into(),
        de::Unexpected::Bool(false) => "`off`".into(),
        de::Unexpected::Unsigned(number) => format!("the number {number}"),
        de::Unexpected::Signed(number) => format!("the number {number}"),
        de::Unexpected::Float(number) => format!("the number {number}"),
        de::Unexpected::Str(text) => format!("`{text}`"),
        de::Unexpected::Unit => "nothing".into(),
        de::Unexpected::Seq => "a list".into(),
        de::Unexpected::Map | de::Unexpected::StructVariant => "a mapping".into(),
        other => other.to_string(),
    }
}

fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
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

/// The place, then the value.
struct AtSeq<'t> {
    node: NodeDe<'t>,
    step: u8,
}

impl<'de> de::SeqAccess<'de> for AtSeq<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.step += 1;
        match self.step {
            1 => seed
                .deserialize(self.node.at.0.into_deserializer())
                .map(Some),
            2 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}

struct Items<'t> {
    node: NodeDe<'t>,
    rest: std::slice::Iter<'t, Loc>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some(at) = self.rest.next() else {
            return Ok(None);
        };
        seed.deserialize(NodeDe {
            at: *at,
            key: false,
            ..self.node
        })
        .map(Some)
        .map_err(|fault| fault.or_at(*at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Pairs<'t> {
    node: NodeDe<'t>,
    rest: std::slice::Iter<'t, (Loc, Loc)>,
    value: Option<Loc>,
}

impl<'de> de::MapAccess<'de> for Pairs<'_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(*value);
        seed.deserialize(NodeDe {
            at: *key,
            key: true,
            ..self.node
        })
        .map(Some)
        .map_err(|fault| fault.or_at(*key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let at = self.value.take().unwrap_or(self.node.at);
        seed.deserialize(NodeDe {
            at,
            key: false,
            ..self.node
        })
        .map_err(|fault| fault.or_at(at))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A word, or a mapping of one key.
struct Choice<'t> {
    name: NodeDe<'t>,
    value: Option<NodeDe<'t>>,
}

impl<'de, 't> de::EnumAccess<'de> for Choice<'t> {
    type Error = Fault;
    type Variant = ChoiceValue<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, ChoiceValue<'t>), Fault> {
        let name = seed
            .deserialize(NodeDe {
                key: true,
                ..self.name
            })
            .map_err(|fault| fault.or_at(self.name.at))?;
        Ok((
            name,
            ChoiceValue {
                name: self.name,
                value: self.value,
            },
        ))
    }
}

struct ChoiceValue<'t> {
    name: NodeDe<'t>,
    value: Option<NodeDe<'t>>,
}

impl<'t> ChoiceValue<'t> {
    fn value(&self) -> Result<NodeDe<'t>, Fault> {
        self.value.ok_or_else(|| {
            let name = self.name.tree.scalar(self.name.at).unwrap_or("");
            self.name
                .fault(format!("`{name}` needs a value: write `{{{name}: …}}`"))
        })
    }
}

impl<'de> de::VariantAccess<'de> for ChoiceValue<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(value) => <()>::deserialize(value),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let value = self.value()?;
        seed.deserialize(value)
            .map_err(|fault| fault.or_at(value.at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.value()?.deserialize_map(visitor)
    }
}
