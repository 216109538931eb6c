//! Every limit on what may be reported, by name. `docs/format.md` lists those that bound stored bytes.

/// The longest line of input, in bytes.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// The longest payload or sealed part, in bytes of canonical JSON.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// The largest captured source, in bytes.
pub const SOURCE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The longest id, in characters.
pub const ID_CHARS_MAX: usize = 128;
/// The longest text of one field, in characters.
pub const TEXT_CHARS_MAX: usize = 65_536;
/// The most items in one list.
pub const LIST_ITEMS_MAX: usize = 1024;
/// The longest origin, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 255;
