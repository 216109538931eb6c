//! The bytes.
