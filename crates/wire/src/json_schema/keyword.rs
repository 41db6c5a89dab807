//! A schema in pieces, as the validator wants it.

use std::collections::HashMap;

use serde_json::{Number, Value};

use super::{format::Format, pattern::Pattern};

/// A schema's place among the compiled ones.
pub(super) type SchemaId = usize;

/// A compiled schema or subschema; references are resolved.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// What holds of the value itself, in the order of the keywords' names, in which AWS tells of
    /// them.
    pub keywords: Vec<Keyword>,
    /// What holds of the items of an array.
    pub items: Items,
    /// What holds of the members of an object.
    pub properties: Properties,
    /// Whether a reference leads here, so that it may be looked at twice.
    pub is_shared: bool,
}

/// A keyword that is about the value itself.
#[derive(Debug)]
pub(super) enum Keyword {
    /// `additionalItems: false` behind so many `items`.
    NoAdditionalItems(usize),
    /// `additionalProperties: false`.
    NoAdditionalProperties,
    /// `allOf`.
    AllOf(Vec<SchemaId>),
    /// `anyOf`.
    AnyOf(Vec<SchemaId>),
    /// `dependencies` of properties on others.
    PropertyDependency {
        /// The property.
        property: String,
        /// What it needs.
        required: Vec<String>,
    },
    /// `dependencies` of properties on schemas.
    SchemaDependency {
        /// The property.
        property: String,
        /// What the object must match.
        schema: SchemaId,
    },
    /// `enum`.
    Enum(Vec<Value>),
    /// `format`.
    Format(Format),
    /// `maxItems`.
    MaxItems(usize),
    /// `maxLength`, characters.
    MaxLength(usize),
    /// `maxProperties`.
    MaxProperties(usize),
    /// `maximum`, with `exclusiveMaximum`.
    Maximum(Number, bool),
    /// `minItems`.
    MinItems(usize),
    /// `minLength`, characters.
    MinLength(usize),
    /// `minProperties`.
    MinProperties(usize),
    /// `minimum`, with `exclusiveMinimum`.
    Minimum(Number, bool),
    /// `multipleOf`.
    MultipleOf(Number),
    /// `not`.
    Not(SchemaId),
    /// `oneOf`.
    OneOf(Vec<SchemaId>),
    /// `pattern`.
    Pattern(Pattern),
    /// `required`, in the order of the names.
    Required(Vec<String>),
    /// `type`.
    Type(Types),
    /// `uniqueItems`.
    UniqueItems,
}

impl Keyword {
    /// The schemas that the same value is held to.
    pub fn combined(&self) -> &[SchemaId] {
        match self {
            Self::AllOf(schemas) | Self::AnyOf(schemas) | Self::OneOf(schemas) => schemas,
            Self::Not(schema) | Self::SchemaDependency { schema, .. } => {
                std::slice::from_ref(schema)
            }
            _ => &[],
        }
    }
}

/// `items` and `additionalItems`.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The schemas of the first items.
    pub first: Vec<SchemaId>,
    /// The schema of all others.
    pub others: Option<SchemaId>,
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug, Default)]
pub(super) struct Properties {
    /// By name.
    pub named: HashMap<String, SchemaId>,
    /// By pattern of the name.
    pub patterns: Vec<(Pattern, SchemaId)>,
    /// Of all others.
    pub others: Option<SchemaId>,
}

impl Properties {
    /// Whether nothing is said of members.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.patterns.is_empty() && self.others.is_none()
    }
}

/// The primitive types.
const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "null", "number", "object", "string",
];
const INTEGER: u8 = 1 << 2;
const NUMBER: u8 = 1 << 4;

/// A set of primitive types; an integer is a number too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Types(u8);

impl Types {
    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        let bit = TYPES.iter().position(|known| *known == name)?;
        let types = 1 << bit;
        Some(Self(if types == NUMBER {
            NUMBER | INTEGER
        } else {
            types
        }))
    }

    /// The type of a value. A number with a fraction is none, also when that is zero: so draft 4
    /// has it.
    pub fn of(value: &Value) -> Self {
        // A whole number that no machine integer holds.
        let is_huge = |number: &Number| {
            number
                .as_f64()
                .is_some_and(|float| float.abs() >= 18_446_744_073_709_551_616.0)
        };
        Self(match value {
            Value::Array(_) => 1,
            Value::Bool(_) => 1 << 1,
            Value::Number(number) if !number.is_f64() || is_huge(number) => INTEGER,
            Value::Null => 1 << 3,
            Value::Number(_) => NUMBER,
            Value::Object(_) => 1 << 5,
            Value::String(_) => 1 << 6,
        })
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names, in their order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let is_in = move |bit: &usize| self.0 & (1 << bit) != 0;
        (0..TYPES.len()).filter(is_in).map(|bit| TYPES[bit])
    }
}
