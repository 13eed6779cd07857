//! The values that carry a unit: durations, sizes, rates, addresses, client ranges, status ranges. No bare number has a unit.

// Before the modules: only what follows a macro's definition can use it.
/// How a value that is read from text and printed back stands in a document and in the schema. `$number`: whether a status
/// written as a number will do.
macro_rules! scalar {
    ($type:ident, $name:literal, $about:literal, $pattern:literal, [$($example:literal),+], $number:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "{} such as `{}`", $about, [$($example),+][0])
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }

                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let text = schemars::json_schema!({ "type": "string", "pattern": $pattern });
                let mut schema = if $number {
                    schemars::json_schema!({ "anyOf": [text, { "type": "integer", "minimum": 100, "maximum": 599 }] })
                } else {
                    text
                };
                schema.insert("description".to_owned(), $about.into());
                schema.insert("examples".to_owned(), serde_json::json!([$($example),+]));
                schema
            }
        }
    };
}

mod address;
mod duration;
mod range;
mod rate;
mod size;

pub use address::{Address, is_host_name};
pub use duration::Dur;
pub use range::{ClientRange, StatusRange};
pub use rate::{Per, Rate};
pub use size::Size;
