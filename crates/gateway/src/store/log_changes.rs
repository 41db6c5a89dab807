//! Changes of log groups that somebody asks for by name, and waits for: CloudWatch Logs' writes, and
//! what a template declares.

use std::{collections::BTreeMap, sync::mpsc};

use super::{Command, ReadError, Store};

/// A change of log groups.
#[derive(Debug)]
pub enum LogChange {
    /// `CreateLogGroup`.
    CreateGroup(NewLogGroup),
    /// `DeleteLogGroup`. Its events are removed by and by; nobody sees them from now on.
    DeleteGroup,
    /// `PutLogGroupDeletionProtection`.
    ProtectGroup(bool),
    /// `PutRetentionPolicy` and `DeleteRetentionPolicy`, days.
    SetRetention(Option<u32>),
    /// `TagResource`.
    Tag(BTreeMap<String, String>),
    /// `UntagResource`.
    Untag(Vec<String>),
    /// `CreateLogStream`.
    CreateStream(String),
    /// `DeleteLogStream`.
    DeleteStream(String),
    /// `PutLogEvents`, into a stream.
    PutEvents(String, Vec<NewLogEvent>),
    /// A template has the group: it is made where it is not there, and gets this retention if the
    /// template says so.
    Declare(Option<DeclaredRetention>),
}

/// How long a template keeps the events of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredRetention(
    /// Days; nothing for ever.
    pub Option<u32>,
);

/// A group that is made.
#[derive(Debug, Clone, Default)]
pub struct NewLogGroup {
    /// `STANDARD`, unless something else is given.
    pub class: Option<String>,
    /// Its KMS key, which changes nothing here.
    pub kms_key_id: Option<String>,
    /// Whether it cannot be deleted.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An event that is put.
#[derive(Debug, Clone)]
pub struct NewLogEvent {
    /// When it happened, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// What it says.
    pub message: String,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum LogChangeError {
    /// There is no such group.
    #[error("the log group does not exist")]
    NoSuchGroup,
    /// There is no such stream.
    #[error("the log stream does not exist")]
    NoSuchStream,
    /// The group is there already.
    #[error("the log group already exists")]
    GroupExists,
    /// The stream is there already.
    #[error("the log stream already exists")]
    StreamExists,
    /// The group may not be deleted.
    #[error("the log group is protected from deletion")]
    Protected,
    /// With these it would have more tags than it may.
    #[error("the log group would have more than {0} tags")]
    TooManyTags(usize),
    /// The disk did not take it.
    #[error(transparent)]
    Failed(#[from] ReadError),
    /// The store did not write what waited with it, or has ended.
    #[error("the store did not take the change: look at its disk")]
    NotWritten,
}

/// Tags of one group (CloudWatch Logs quotas).
pub(super) const MAX_TAGS: usize = 50;

/// A change, and who waits for it.
pub(super) struct AskedLogChange {
    pub log_group: String,
    pub change: LogChange,
    pub done: mpsc::SyncSender<Result<(), LogChangeError>>,
}

impl Store {
    /// Makes a change of a group, and waits until it is on disk. Blocks.
    ///
    /// # Errors
    /// [`LogChangeError`].
    pub fn change_log_group(
        &self,
        log_group: &str,
        change: LogChange,
    ) -> Result<(), LogChangeError> {
        let (done, wait) = mpsc::sync_channel(1);
        let asked = AskedLogChange {
            log_group: log_group.to_owned(),
            change,
            done,
        };
        let sent = self.queue.send(Command::ChangeLogGroup(Box::new(asked)));
        sent.map_err(|_| LogChangeError::NotWritten)?;
        wait.recv().unwrap_or(Err(LogChangeError::NotWritten))
    }
}
