//! How the generated files write operations, structures and enumerations.

/// The operations of a service, and those of its model that are not taken.
macro_rules! operations {
    (
        { $($name:ident $method:literal $uri:literal $status:literal,)* }
        others { $($other:ident $other_method:literal $other_uri:literal,)* }
    ) => {
        /// An operation of the service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", $method, " ", $uri, "`")] $name,)*
        }

        impl $crate::shapes::OperationShape for Operation {
            const ALL: &'static [Self] = &[$(Self::$name),*];
            const OTHERS: &'static [(&'static str, &'static str, &'static str)] =
                &[$(($other_method, $other_uri, stringify!($other))),*];

            fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            fn method(self) -> &'static str {
                match self { $(Self::$name => $method),* }
            }

            fn uri(self) -> &'static str {
                match self { $(Self::$name => $uri),* }
            }

            fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

/// An enumeration of strings.
macro_rules! enumeration {
    ($name:ident { $($variant:ident = $value:literal,)* }) => {
        #[doc = concat!("`", stringify!($name), "`.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`.")] #[serde(rename = $value)] $variant,)*
        }

        impl $name {
            /// The value as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value),* }
            }
        }

        impl $crate::shapes::FromJson for $name {
            fn from_json(
                value: &serde_json::Value,
                reader: &mut $crate::shapes::Reader,
            ) -> Option<Self> {
                match value.as_str() {
                    $(Some($value) => Some(Self::$variant),)*
                    Some(other) => reader.not_of_set(other, &[$($value),*]),
                    None => reader.wrong_type(value, "a String"),
                }
            }
        }
    };
}

/// A structure that requests hold; as JSON, what is absent is left out.
macro_rules! structure {
    (
        $([$derived:ident])? $name:ident {
            $($field:ident $wire:literal: $type:ty $([$($constraint:expr),*])?,)*
        }
    ) => {
        #[doc = concat!("`", stringify!($name), "`.")]
        #[derive(Debug, Clone, $($derived,)? PartialEq, serde::Serialize)]
        pub struct $name {
            $(
                #[doc = concat!("`", $wire, "`.")]
                #[serde(rename = $wire, skip_serializing_if = "crate::shapes::Absent::is_absent")]
                pub $field: $type,
            )*
        }

        impl $crate::shapes::FromJson for $name {
            fn from_json(
                value: &serde_json::Value,
                reader: &mut $crate::shapes::Reader,
            ) -> Option<Self> {
                let serde_json::Value::Object(body) = value else {
                    return reader.wrong_type(value, "structure");
                };
                $(let $field = $crate::shapes::Member::from_body(
                    body, $wire, &[$($($constraint),*)?], reader,
                );)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}

/// A whole request, whose members stand in `body`, `path`, `query` or `header`.
macro_rules! request {
    ($name:ident {
        $($location:ident $field:ident $wire:literal: $type:ty $([$($constraint:expr),*])?,)*
    }) => {
        #[doc = concat!("`", stringify!($name), "`.")]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(#[doc = concat!("`", $wire, "`, in the ", stringify!($location), ".")]
            pub $field: $type,)*
        }

        impl $crate::shapes::FromInput for $name {
            const HAS_BODY: bool =
                false $(|| $crate::shapes::Location::$location.is_body())*;

            fn from_input(
                input: &$crate::shapes::Input<'_>,
                body: &serde_json::Map<String, serde_json::Value>,
                reader: &mut $crate::shapes::Reader,
            ) -> Option<Self> {
                $(let $field = $crate::shapes::Member::from_input(
                    $crate::shapes::Location::$location,
                    input, body, $wire, &[$($($constraint),*)?], reader,
                );)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}

pub(super) use {enumeration, operations, request, structure};
