//! Every limit on what may be reported, by name. `docs/limits.md` lists all limits of the program, `docs/format.md` those
//! that bound stored bytes.

/// The longest line of input, in bytes.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// A line that is too long is passed over up to here, in bytes: an input with a longer one is no JSON lines.
pub const LINE_SKIPPED_BYTES_MAX: u64 = 64 * 1024 * 1024;
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
/// The most keys of one object.
pub const OBJECT_KEYS_MAX: usize = 1024;
/// After so many refused lines an append stops: what is given is not what was meant.
pub const REFUSED_LINES_MAX: usize = 10_000;
/// The most lines of an export that are no lines of one; after them it is given up.
pub const UNREADABLE_LINES_MAX: usize = 10_000;
/// So much of a source is looked through for the passage nearest to a quotation that is not in it, in bytes.
pub const PASSAGE_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// So much text is looked through for nearest passages in one append, in bytes.
pub const PASSAGE_SEARCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// For so many references that lead nowhere similar ids are looked for in one append, each time in all events.
pub const SIMILAR_SEARCHES_MAX: usize = 32;
/// The longest origin, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 255;
