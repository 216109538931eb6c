//! What is stopped on its way.

/// A command, or a process that appends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Op {
    Init,
    Single,
    Group,
    Bulk,
    Seal,
    Erase,
    Snapshot,
    SnapshotAnew,
    Checkpoint,
    Rotate,
    /// The end of a rotation.
    Retire,
    /// A checkpoint that is written to a file, too.
    Note,
    Export,
    Tiles,
    Backup,
    /// Of an export.
    Restore,
    RestoreBackup,
}

impl Op {
    /// All but the first, which comes once.
    pub(crate) const ALL: [Self; 16] = [
        Self::Single,
        Self::Group,
        Self::Bulk,
        Self::Seal,
        Self::Erase,
        Self::Snapshot,
        Self::SnapshotAnew,
        Self::Checkpoint,
        Self::Rotate,
        Self::Retire,
        Self::Note,
        Self::Export,
        Self::Tiles,
        Self::Backup,
        Self::Restore,
        Self::RestoreBackup,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Init => "the making of a log",
            Self::Single => "single appends",
            Self::Group => "appends of one process",
            Self::Bulk => "long appends",
            Self::Seal => "appends that seal",
            Self::Erase => "erasures",
            Self::Snapshot => "snapshots",
            Self::SnapshotAnew => "snapshots anew",
            Self::Checkpoint => "checkpoints",
            Self::Rotate => "rotations of keys",
            Self::Retire => "retirements of keys",
            Self::Note => "notes in files",
            Self::Export => "exports",
            Self::Tiles => "exports of tiles",
            Self::Backup => "backups",
            Self::Restore => "restores",
            Self::RestoreBackup => "restores of backups",
        }
    }

    /// The arguments of what writes to, or restores from, a place beside the log; none for all others.
    pub(crate) const fn beside(self) -> &'static [&'static str] {
        match self {
            Self::Note => &["checkpoint", "--out"],
            Self::Export => &["export", "--out"],
            Self::Tiles => &["export", "--format", "tiles", "--out"],
            Self::Backup => &["backup"],
            Self::Restore | Self::RestoreBackup => &["restore"],
            _ => &[],
        }
    }

    /// Whether such a command has said that it is done.
    pub(crate) fn said(self, out: &str, err: &str) -> bool {
        match self {
            // A note is printed once its file is written.
            Self::Note => out.contains('\u{2014}') && out.ends_with('\n'),
            Self::Export => err.contains("exported "),
            Self::Tiles => err.contains("and their checkpoint"),
            Self::Backup => out.contains("backed up "),
            Self::Restore | Self::RestoreBackup => out.contains("restored "),
            Self::Rotate | Self::Retire => {
                out.contains("both keys sign") || out.contains("its file is gone")
            }
            _ => false,
        }
    }
}
