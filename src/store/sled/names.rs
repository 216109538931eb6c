//! What the program calls the files and directories of a store, within the directory of its log.
//!
//! Nobody else gives a directory one of the longer names: one that is found is what was left half done, and is ended or
//! taken away.

/// The store itself.
pub const STORE: &str = "store";
/// What is made before it is a store.
pub const STORE_BEGUN: &str = "store.begun";
/// The store without what is removed from it, until it is in place.
pub const STORE_NEW: &str = "store.removal-new";
/// The store with it, until the new one is in place.
pub const STORE_OLD: &str = "store.removal-old";
/// The head that was acknowledged last.
pub const HEAD: &str = "head";
/// What a process holds while it has the log open.
pub const LOCK: &str = "lock";

/// All of them.
pub const NAMES: [&str; 6] = [STORE, STORE_BEGUN, STORE_NEW, STORE_OLD, HEAD, LOCK];
