//! What verification looks for, and what it finds: each finding with what a third party needs to repeat it by hand.

use crate::model::calendar::Instant;
use crate::model::schema::with_article;
use crate::record::checkpoint::CheckpointError;
use crate::record::commitment::Commitment;
use crate::record::header::{FORMAT_VERSION, HeaderError};
use crate::record::journal::JournalError;
use crate::record::json::JsonError;
use crate::record::link::Link;
use crate::record::system::KeyFault;
use crate::record::timestamp::StampError;
use crate::record::tree::Root;

/// A check, in the order in which a report lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// Every header, payload and sealed part is canonical JSON that can be read.
    Bytes,
    /// Numbers count up from 0 and every header links to the one before it; times never go back; one origin.
    Chain,
    /// Every payload and sealed part is the one its header commits to.
    Commitments,
    /// The stored or stated head is what the events lead to.
    Head,
    /// The stored tree, or the stated root, is what the headers lead to.
    Tree,
    /// No id names two events.
    Ids,
    /// The bytes of every captured source are there and have their hash.
    Sources,
    /// Every quotation is still an exact slice of its source.
    Quotes,
    /// Keys are endorsed by those before them.
    Keys,
    /// The journal of checkpoints is whole, and is of this log.
    Journal,
    /// The log extends every checkpoint that is kept or was given.
    Checkpoints,
    /// Every checkpoint is signed by a key of the log.
    Signatures,
    /// The witnesses that a policy asks for have cosigned.
    Quorum,
    /// Every time stamp is of a checkpoint of this log.
    Anchors,
    /// The tables kept beside the events are what the events give, derived from them once more.
    Snapshots,
}

impl Check {
    /// Every check, in order.
    pub const ALL: &[Self] = &[
        Self::Bytes,
        Self::Chain,
        Self::Commitments,
        Self::Head,
        Self::Tree,
        Self::Ids,
        Self::Sources,
        Self::Quotes,
        Self::Keys,
        Self::Journal,
        Self::Checkpoints,
        Self::Signatures,
        Self::Quorum,
        Self::Anchors,
        Self::Snapshots,
    ];

    /// Its name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Chain => "chain",
            Self::Commitments => "commitments",
            Self::Head => "head",
            Self::Ids => "ids",
            Self::Sources => "sources",
            Self::Tree => "tree",
            Self::Quotes => "quotes",
            Self::Keys => "keys",
            Self::Journal => "journal",
            Self::Checkpoints => "checkpoints",
            Self::Signatures => "signatures",
            Self::Quorum => "quorum",
            Self::Anchors => "anchors",
            Self::Snapshots => "snapshots",
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was done, and nothing was found.
    Ok,
    /// It was done, and something was found.
    Failed,
    /// It was not done: there was nothing to do it on.
    NotChecked,
}

impl Verdict {
    /// The verdict as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
        }
    }
}

/// One thing found wrong.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{}{what}", place(*.seq, *.line))]
pub struct Finding {
    /// The number of the event concerned.
    pub seq: Option<u64>,
    /// Its id, where it can be read.
    pub id: Option<String>,
    /// The line of the export, counted from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: Wrong,
}

fn place(seq: Option<u64>, line: Option<u64>) -> String {
    match (seq, line) {
        (Some(seq), Some(line)) => format!("event {seq} (line {line}): "),
        (Some(seq), None) => format!("event {seq}: "),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    }
}

/// What is wrong, with what a third party needs to repeat the check by hand.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The header cannot be read.
    #[error("its header cannot be read: {0}")]
    Header(HeaderError),
    /// A part is no canonical JSON.
    #[error("its {part} is not canonical JSON: {error}")]
    NotCanonical {
        /// Which part.
        part: &'static str,
        /// Why.
        error: JsonError,
    },
    /// The payload cannot be read as an event of the kind that the header names.
    #[error("its payload cannot be read as the {kind} event that its header names")]
    Unreadable {
        /// The kind in the header.
        kind: String,
    },
    /// The genesis says that the log is of another format.
    #[error(
        "it says that the log is of format {found}; this program knows format {FORMAT_VERSION}"
    )]
    Format {
        /// The format.
        found: i64,
    },
    /// The number is not the next one.
    #[error("expected number {expected}, found {found}")]
    Seq {
        /// The next number.
        expected: u64,
        /// The number in the header.
        found: u64,
    },
    /// It does not follow the event before it: an earlier event was changed, dropped, repeated or moved.
    #[error("it does not follow the event before it: expected link {expected}, found {found}")]
    BrokenLink {
        /// The link of the event before it.
        expected: Link,
        /// The link in its header.
        found: Link,
    },
    /// It says that it was recorded before the event before it.
    #[error("recorded at {found}, before the event before it ({before})")]
    TimeWentBack {
        /// When the event before it was recorded.
        before: Instant,
        /// When it says it was.
        found: Instant,
    },
    /// It belongs to another log.
    #[error("it belongs to the log {found:?}, not {expected:?}")]
    OtherLog {
        /// The origin in the genesis.
        expected: String,
        /// The origin in the header.
        found: String,
    },
    /// The first event is no genesis.
    #[error("the first event is {}, not a genesis", with_article(.0))]
    NoGenesis(String),
    /// A part is not the one that the header commits to.
    #[error(
        "its {part} is not the one that its header commits to: expected {expected}, found {found}"
    )]
    Commitment {
        /// Which part.
        part: &'static str,
        /// The commitment in the header.
        expected: Commitment,
        /// The commitment to the part.
        found: Commitment,
    },
    /// There is a sealed part without a commitment, or a commitment without a sealed part.
    #[error("its header and its sealed part disagree on whether there is one")]
    SealedMismatch,
    /// The head is not what the events lead to.
    #[error(
        "the head is {expected_size} events with link {expected}, the events lead to {found_size} with link {found}"
    )]
    Head {
        /// The size that is stated.
        expected_size: u64,
        /// The link that is stated.
        expected: Link,
        /// The number of events.
        found_size: u64,
        /// The link of the last.
        found: Link,
    },
    /// The root is not what the events lead to.
    #[error("the stated root is {expected}, the events lead to {found}")]
    Root {
        /// The root that is stated.
        expected: Root,
        /// The root over the headers.
        found: Root,
    },
    /// The stored tree is not what the headers lead to.
    #[error("the stored tree does not match the chain: level {level}, piece {piece}")]
    TreeDiffers {
        /// The level of the tile.
        level: u8,
        /// The place among the pieces of that level.
        piece: u64,
    },
    /// The payload is gone, and no erasure accounts for it.
    #[error("its payload is not there, and no erasure accounts for it")]
    PayloadMissing,
    /// It was erased, and it, or its sealed part, is there.
    #[error("event {by} says that it was erased, and its content is there")]
    NotErased {
        /// The erasure.
        by: u64,
    },
    /// What the program itself recorded is gone: no erasure can account for that.
    #[error("its payload is not there, and the log itself needs it: a {kind} cannot be erased")]
    SystemMissing {
        /// The kind in the header.
        kind: String,
    },
    /// An erasure names an event that was not there yet.
    #[error("it says that event {of} was erased, which is not one before it")]
    ErasesLater {
        /// The event that it names.
        of: u64,
    },
    /// An event about a key does not hold.
    #[error("{0}")]
    Key(KeyFault),
    /// The journal is not what this program wrote.
    #[error("the checkpoint journal was edited: {0}")]
    Journal(JournalError),
    /// The journal is of a log with another beginning.
    #[error("the log has another genesis than the journal: link {found}, not {expected}")]
    GenesisDiffers {
        /// The link in the journal.
        expected: Link,
        /// The link of event 0.
        found: Link,
    },
    /// What was given is no checkpoint.
    #[error("{name} is no checkpoint: {error}")]
    NoCheckpoint {
        /// Where it comes from.
        name: String,
        /// Why.
        error: CheckpointError,
    },
    /// A checkpoint is of another log.
    #[error("the checkpoint of {name} is of the log {found:?}, not {expected:?}")]
    CheckpointOfOther {
        /// Where it comes from.
        name: String,
        /// The origin of this log.
        expected: String,
        /// The origin in the checkpoint.
        found: String,
    },
    /// The log is shorter than a checkpoint of it: its end was cut off, or an old copy was restored.
    #[error(
        "the log was cut or rolled back: the checkpoint of {name} has {trusted_size} events, the log {found_size}"
    )]
    Truncated {
        /// Where the checkpoint comes from.
        name: String,
        /// The size in it.
        trusted_size: u64,
        /// The number of events.
        found_size: u64,
    },
    /// The first events are not those of a checkpoint that this log's journal holds.
    #[error(
        "the log was rewritten, or an old copy was restored and appended to: the checkpoint of {name}, of {size} events, \
         has the root {expected}, those events lead to {found}"
    )]
    Rewritten {
        /// Where the checkpoint comes from.
        name: String,
        /// The size in it.
        size: u64,
        /// The root in it.
        expected: Root,
        /// The root over so many events.
        found: Root,
    },
    /// The first events are not those of a checkpoint that somebody else holds.
    #[error(
        "the log forks from one that was shown to others: the checkpoint of {name}, of {size} events, has the root \
         {expected}, those events lead to {found}"
    )]
    Forked {
        /// Where the checkpoint comes from.
        name: String,
        /// The size in it.
        size: u64,
        /// The root in it.
        expected: Root,
        /// The root over so many events.
        found: Root,
    },
    /// Two checkpoints of one size have two roots.
    #[error(
        "two checkpoints of {size} events have different roots, of {first} and of {second}: the log was forked"
    )]
    TwoRoots {
        /// The size in both.
        size: u64,
        /// Where one comes from.
        first: String,
        /// Where the other comes from.
        second: String,
    },
    /// A checkpoint bears a signature of a known key that does not hold.
    #[error("the checkpoint of {name} bears a signature by {key} that does not hold")]
    FalseSignature {
        /// Where the checkpoint comes from.
        name: String,
        /// The key.
        key: String,
    },
    /// A checkpoint bears no signature of a key of this log.
    #[error("the checkpoint of {name} is signed by no key that this log had at {size} events")]
    Unsigned {
        /// Where the checkpoint comes from.
        name: String,
        /// The size in it.
        size: u64,
    },
    /// The policy that was given is not met.
    #[error("no checkpoint of this log is signed as the policy asks")]
    NoQuorum,
    /// A time stamp cannot be read.
    #[error("its time stamp cannot be read: {0}")]
    Stamp(StampError),
    /// A time stamp is of something else.
    #[error("its time stamp is not of the checkpoint beside it, or not of the time beside it")]
    StampOfOther,
    /// A table kept beside the events is not what they give.
    #[error("the snapshot of {size} events is not what a fresh replay of them gives")]
    SnapshotDiffers {
        /// How many events the table says that it is derived from.
        size: u64,
    },
    /// The id names an earlier event too.
    #[error("its id {id:?} is that of event {first} too")]
    IdTwice {
        /// The id.
        id: String,
        /// The earlier event.
        first: u64,
    },
    /// Captured bytes are not there.
    #[error("the captured bytes {blake3} are not there")]
    SourceMissing {
        /// Their hash.
        blake3: String,
    },
    /// Captured bytes do not have their hash.
    #[error("the captured bytes have the hash {found}, not {expected}")]
    SourceAltered {
        /// The hash in the event.
        expected: String,
        /// The hash of the bytes.
        found: String,
    },
    /// A quotation is not in its source.
    #[error("cites[{cite}]: the quotation is not in the source {source_id:?}: {quote:?}")]
    NotVerbatim {
        /// Which cite, counted from 0.
        cite: usize,
        /// The id of the source.
        source_id: String,
        /// The quotation.
        quote: String,
    },
    /// The store cannot read it.
    #[error("the store cannot read it: {0}")]
    Store(String),
    /// A line of an export is not one.
    #[error("it is no line of an export: {0}")]
    Line(String),
    /// The lines of an export do not stand as they must.
    #[error("{0}")]
    Order(&'static str),
}
