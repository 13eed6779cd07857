//! The parts of a node, as serde walks them: items, keys and values, choices.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};

use super::NodeDe;
use super::fault::Fault;
use crate::source::Loc;

/// The place, then the value.
pub(super) struct AtSeq<'t> {
    pub(super) node: NodeDe<'t>,
    pub(super) step: u8,
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

pub(super) struct Items<'t> {
    pub(super) node: NodeDe<'t>,
    pub(super) rest: std::slice::Iter<'t, Loc>,
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

pub(super) struct Pairs<'t> {
    pub(super) node: NodeDe<'t>,
    pub(super) rest: std::slice::Iter<'t, (Loc, Loc)>,
    pub(super) value: Option<Loc>,
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
pub(super) struct Choice<'t> {
    pub(super) name: NodeDe<'t>,
    pub(super) value: Option<NodeDe<'t>>,
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

pub(super) struct ChoiceValue<'t> {
    pub(super) name: NodeDe<'t>,
    pub(super) value: Option<NodeDe<'t>>,
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
