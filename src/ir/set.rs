//! `Set`: a setting that is always there, and whether somebody wrote it or a default filled it in, with its reason.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source::Loc;

/// Whether a value was written or filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody wrote it.
    Written,
    /// A default, with its reason; `wsgen explain` prints it.
    Default(&'static str),
}

/// Where a value comes from. A default points at the block that it was filled into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The place in the spec.
    pub loc: Loc,
    /// Written or a default.
    pub why: Why,
}

impl Origin {
    /// A value that was written here.
    pub const fn written(loc: Loc) -> Self {
        Self {
            loc,
            why: Why::Written,
        }
    }

    /// A default that was filled in here.
    pub const fn default(loc: Loc, reason: &'static str) -> Self {
        Self {
            loc,
            why: Why::Default(reason),
        }
    }

    /// Whether somebody wrote it.
    pub const fn is_written(self) -> bool {
        matches!(self.why, Why::Written)
    }
}

/// A setting, always present, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Set<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub from: Origin,
}

impl<T> Set<T> {
    /// A value that was written here.
    pub const fn written(value: T, loc: Loc) -> Self {
        Self {
            value,
            from: Origin::written(loc),
        }
    }

    /// A default that was filled in here.
    pub const fn default(value: T, loc: Loc, reason: &'static str) -> Self {
        Self {
            value,
            from: Origin::default(loc, reason),
        }
    }

    /// Whether somebody wrote it.
    pub const fn is_written(&self) -> bool {
        self.from.is_written()
    }

    /// Its place in the spec.
    pub const fn loc(&self) -> Loc {
        self.from.loc
    }
}

impl<T: Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// A gateway that was written out has lost its places: everything in it counts as written.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Set<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self::written(value, Loc::default()))
    }
}
