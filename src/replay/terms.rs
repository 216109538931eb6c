//! Enums whose variants each have a term, as it stands in JSON; all of them are listed, so that a schema can name them.

/// Defines an enum together with its terms: `Variant = "term"`.
macro_rules! terms {
    ($(#[$doc:meta])* pub enum $name:ident { $( $(#[$about:meta])* $variant:ident = $term:literal, )* }) => {
        $(#[$doc])*
        pub enum $name {
            $( $(#[$about])* $variant, )*
        }

        impl $name {
            /// Every one, in the order of its definition.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// The term as it stands in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $term, )*
                }
            }
        }
    };
}

pub(crate) use terms;
