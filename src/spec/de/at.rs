//! A value that remembers where it was written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
pub(super) const AT: &str = "$wsgen::At";

/// By this name the tree's deserializer shows a single value as a list of one.
pub(in crate::spec) const MANY: &str = "$wsgen::Many";

/// By this name the tree's deserializer shows `on` and `off` as such, and anything else as it is.
pub(in crate::spec) const SWITCH: &str = "$wsgen::Switch";

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
