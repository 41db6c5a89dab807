//! The operations that are here.

use hyper::HeaderMap;

/// What stands before the operation in `X-Amz-Target`.
pub const TARGET: &str = "Logs_20140328";

/// Makes the enum and its names, which are AWS's.
macro_rules! operations {
    ($($name:ident),+ $(,)?) => {
        /// An operation that is here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operation {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                $name,
            )+
        }

        impl Operation {
            const ALL: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),+];
        }
    };
}

operations! {
    CreateLogGroup,
    CreateLogStream,
    DeleteLogGroup,
    DeleteLogStream,
    DeleteRetentionPolicy,
    DescribeLogGroups,
    DescribeLogStreams,
    DescribeQueries,
    FilterLogEvents,
    GetLogEvents,
    GetLogRecord,
    GetQueryResults,
    ListTagsForResource,
    ListTagsLogGroup,
    PutLogEvents,
    PutLogGroupDeletionProtection,
    PutRetentionPolicy,
    StartQuery,
    StopQuery,
    TagLogGroup,
    TagResource,
    UntagLogGroup,
    UntagResource,
}

impl Operation {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, operation)| *operation == self)
            .map_or("", |(name, _)| name)
    }

    /// The operation that `X-Amz-Target` names, if it is here.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        let name = target.strip_prefix(TARGET)?.strip_prefix('.')?;
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == name)
            .map(|(_, operation)| *operation)
    }
}
