//! The log stream of one process: what it prints, between Lambda's own lines
//! (control-and-observability spec F.5).

use std::{
    cell::RefCell,
    io::{self, PipeReader, PipeWriter, Read},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gatepost_gateway::{
    new_id::{hex, random_bytes},
    observe::{Event, Logs, Observer},
    store::{LogEntry, LogEvent},
};
use gatepost_model::FunctionName;
use parking_lot::Mutex;
use time::{OffsetDateTime, macros::format_description};
use tokio::net::unix::pipe::Receiver;

/// The greatest log event; CloudWatch Logs takes no more in one.
const MAX_LINE: usize = 262_144;
/// `X-Amz-Log-Type: Tail` shows this much.
const TAIL: usize = 4096;
/// What one drain reads at most: what fits into a pipe.
const DRAIN: usize = 65_536;

thread_local! {
    /// What one read takes over. Most reads find nothing, which must cost no more than the call.
    static CHUNK: RefCell<Vec<u8>> = RefCell::new(vec![0; 8192]);
}

/// One log stream of `/aws/lambda/{function}`.
pub(super) struct LogStream {
    function: FunctionName,
    log_group: Arc<str>,
    name: Arc<str>,
    readers: Readers,
    state: Mutex<State>,
}

/// Who reads what functions print.
pub(super) struct Readers {
    pub observer: Observer,
    pub logs: Option<Arc<Logs>>,
}

#[derive(Default)]
struct State {
    /// The reading end of the process's stdout and stderr.
    pipe: Option<PipeReader>,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    /// The end of the running invocation's log, when its caller wants it.
    tail: Option<String>,
}

/// What a drain found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// There was no more.
    All,
    /// There may be more.
    Some,
    /// All writers are gone.
    Closed,
}

/// What a REPORT line reports.
pub(super) struct Report<'a> {
    pub request_id: &'a str,
    pub duration: Duration,
    pub init_duration: Option<Duration>,
    pub memory_size_mb: u32,
    pub ending: Ending<'a>,
}

/// How an invocation ended.
#[derive(Clone, Copy)]
pub(super) enum Ending<'a> {
    /// The function answered, be it with an error.
    Answered,
    /// It was killed at its timeout.
    TimedOut(Duration),
    /// The process failed.
    Failed { error_type: &'a str },
}

impl LogStream {
    pub fn new(function: FunctionName, version: &str, readers: Readers) -> Self {
        let today = OffsetDateTime::now_utc().date();
        let (year, month, day) = (today.year(), u8::from(today.month()), today.day());
        let instance = hex(&random_bytes::<16>());
        Self {
            log_group: format!("/aws/lambda/{function}").into(),
            function,
            name: format!("{year:04}/{month:02}/{day:02}/[{version}]{instance}").into(),
            readers,
            state: Mutex::default(),
        }
    }

    /// `AWS_LAMBDA_LOG_STREAM_NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether somebody reads, so that Lambda's lines are worth writing.
    fn is_read(&self, state: &State) -> bool {
        let Readers { observer, logs } = &self.readers;
        state.tail.is_some() || logs.is_some() || observer.follows_traffic()
    }

    /// Opens the pipe that shall be the process's stdout and stderr: the end that tells when there
    /// is something to [`Self::drain`], and the end to write to.
    pub fn open(&self) -> io::Result<(Receiver, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        // This also makes the pipe non-blocking, for both copies of its reading end.
        let readiness = Receiver::from_owned_fd(reader.try_clone()?.into())?;
        self.state.lock().pipe = Some(reader);
        Ok((readiness, writer))
    }

    /// Takes over what a pipe that is ready holds.
    pub fn drain(&self, pipe: &Receiver) -> Drained {
        self.drain_from(&mut self.state.lock(), |chunk| pipe.try_read(chunk))
    }

    /// Takes over all that is printed by now: readiness may lag behind the answer being handled.
    fn drain_now(&self, state: &mut State) {
        if let Some(pipe) = state.pipe.take() {
            self.drain_from(state, |chunk| (&pipe).read(chunk));
            state.pipe = Some(pipe);
        }
    }

    fn drain_from(
        &self,
        state: &mut State,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Drained {
        CHUNK.with_borrow_mut(|chunk| {
            for _ in 0..DRAIN / chunk.len() {
                match read(chunk) {
                    Ok(0) => return Drained::Closed,
                    Ok(length) => self.take(state, &chunk[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::All,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Drained::Closed,
                }
            }
            Drained::Some
        })
    }

    /// Takes over the last that an ended process printed.
    pub fn close(&self) {
        let state = &mut *self.state.lock();
        self.drain_now(state);
        self.flush(state);
        state.pipe = None;
    }

    fn take(&self, state: &mut State, mut printed: &[u8]) {
        while let Some(end) = printed.iter().position(|byte| *byte == b'\n') {
            self.take_part(state, &printed[..end]);
            self.flush(state);
            printed = &printed[end + 1..];
        }
        self.take_part(state, printed);
    }

    /// Adds to the line without an end, in pieces no longer than a log event.
    fn take_part(&self, state: &mut State, mut part: &[u8]) {
        while state.partial.len() + part.len() > MAX_LINE {
            let (piece, rest) = part.split_at(MAX_LINE - state.partial.len());
            state.partial.extend_from_slice(piece);
            self.flush(state);
            part = rest;
        }
        state.partial.extend_from_slice(part);
    }

    fn flush(&self, state: &mut State) {
        if state.partial.is_empty() {
            return;
        }
        if self.is_read(state) {
            let line = String::from_utf8_lossy(&state.partial);
            // Lambda's runtimes write the line breaks within one event as carriage returns.
            let line = line.trim_end_matches('\r').replace('\r', "\n");
            self.emit(state, line);
        }
        state.partial.clear();
        state.partial.shrink_to(8192);
    }

    fn emit(&self, state: &mut State, message: String) {
        if let Some(tail) = &mut state.tail {
            tail.push_str(&message);
            tail.push('\n');
            if let Some(excess) = tail.len().checked_sub(TAIL) {
                tail.drain(..tail.ceil_char_boundary(excess));
            }
        }
        let Readers { observer, logs } = &self.readers;
        let timestamp_ms = epoch_millis();
        if observer.follows_traffic() {
            observer.emit(Event::FunctionLog {
                function: self.function.clone(),
                stream: Arc::clone(&self.name),
                timestamp_ms,
                message: message.clone(),
            });
        }
        if let Some(logs) = logs {
            logs.log(LogEntry::Event(Arc::new(LogEvent {
                log_group: Arc::clone(&self.log_group),
                stream: Arc::clone(&self.name),
                timestamp_ms,
                message,
            })));
        }
    }

    /// A line of Lambda's own outside of an invocation.
    pub fn platform(&self, line: String) {
        let state = &mut *self.state.lock();
        self.drain_now(state);
        self.emit(state, line);
    }

    /// START, after all that was printed before.
    pub fn start(&self, request_id: &str, version: &str, tail_log: bool) {
        let state = &mut *self.state.lock();
        self.drain_now(state);
        self.flush(state);
        state.tail = tail_log.then(String::new);
        if self.is_read(state) {
            self.emit(
                state,
                format!("START RequestId: {request_id} Version: {version}"),
            );
        }
    }

    /// END and REPORT, after all that was printed; gives the tail if START was told to keep one.
    /// `max_memory_used_mb` is asked only when somebody reads it.
    pub fn finish(
        &self,
        report: &Report<'_>,
        max_memory_used_mb: impl FnOnce() -> u64,
    ) -> Option<String> {
        let state = &mut *self.state.lock();
        self.drain_now(state);
        self.flush(state);
        if self.is_read(state) {
            if let Ending::TimedOut(timeout) = report.ending {
                let seconds = timeout.as_secs_f64();
                let now = iso_now();
                let id = report.request_id;
                self.emit(
                    state,
                    format!("{now} {id} Task timed out after {seconds:.2} seconds"),
                );
            }
            self.emit(state, format!("END RequestId: {}", report.request_id));
            self.emit(state, report.line(max_memory_used_mb()));
        }
        state.tail.take()
    }
}

impl Report<'_> {
    fn line(&self, max_memory_used_mb: u64) -> String {
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let init = self.init_duration.unwrap_or_default();
        let billed = (self.duration + init).as_nanos().div_ceil(1_000_000);
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {billed} ms\tMemory Size: \
             {} MB\tMax Memory Used: {max_memory_used_mb} MB\t",
            self.request_id,
            millis(self.duration),
            self.memory_size_mb,
        );
        if self.init_duration.is_some() {
            line = format!("{line}Init Duration: {:.2} ms\t", millis(init));
        }
        match self.ending {
            Ending::Answered => {}
            Ending::TimedOut(_) => line += "Status: timeout",
            Ending::Failed { error_type } => {
                line = format!("{line}Status: error\tError Type: {error_type}");
            }
        }
        line
    }
}

/// Milliseconds since the epoch.
pub(super) fn epoch_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// Now, as Lambda writes it: `2026-09-25T12:34:56.789Z`.
pub(super) fn iso_now() -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // A format of constant fields always fits a `OffsetDateTime`.
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn told(observer: Observer) -> Readers {
        Readers {
            observer,
            logs: None,
        }
    }

    fn messages(events: &mut tokio::sync::mpsc::Receiver<Event>) -> Vec<String> {
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| match event {
                Event::FunctionLog { message, .. } => message,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn report(ending: Ending<'_>) -> Report<'_> {
        Report {
            request_id: "r-1",
            duration: Duration::from_micros(28_050),
            init_duration: Some(Duration::from_micros(83_670)),
            memory_size_mb: 128,
            ending,
        }
    }

    #[tokio::test]
    async fn what_is_printed_stands_between_start_and_end() {
        let (observer, mut events) = Observer::new(100);
        let log = LogStream::new("chat".into(), "$LATEST", told(observer));
        let (_pipe, mut writer) = log.open().unwrap();
        log.start("r-1", "$LATEST", true);
        writer.write_all(b"one\ntwo\rlines\nno line break").unwrap();
        let tail = log.finish(&report(Ending::Answered), || 36).unwrap();
        let expected = [
            "START RequestId: r-1 Version: $LATEST",
            "one",
            "two\nlines",
            "no line break",
            "END RequestId: r-1",
            "REPORT RequestId: r-1\tDuration: 28.05 ms\tBilled Duration: 112 ms\tMemory Size: 128 \
             MB\tMax Memory Used: 36 MB\tInit Duration: 83.67 ms\t",
        ];
        assert_eq!(messages(&mut events), expected);
        assert_eq!(tail, expected.join("\n") + "\n");
    }

    #[tokio::test]
    async fn a_timeout_is_said_before_end() {
        let (observer, mut events) = Observer::new(100);
        let log = LogStream::new("chat".into(), "$LATEST", told(observer));
        log.finish(&report(Ending::TimedOut(Duration::from_secs(3))), || 36);
        let lines = messages(&mut events);
        assert!(
            lines[0].ends_with("Z r-1 Task timed out after 3.00 seconds"),
            "{lines:?}"
        );
        assert_eq!(lines[1], "END RequestId: r-1");
        assert!(lines[2].ends_with("\tStatus: timeout"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_at_the_size_of_a_log_event() {
        let (observer, mut events) = Observer::new(100);
        let log = LogStream::new("chat".into(), "$LATEST", told(observer));
        let state = &mut State::default();
        for _ in 0..5 {
            log.take(state, &vec![b'x'; 131_072]);
        }
        let lengths: Vec<usize> = messages(&mut events).iter().map(String::len).collect();
        assert_eq!(lengths, [262_144, 262_144]);
        assert_eq!(state.partial.len(), 131_072);
    }

    #[tokio::test]
    async fn the_tail_is_the_last_4_kb_of_this_invocation() {
        let log = LogStream::new("chat".into(), "$LATEST", told(Observer::none()));
        let (_pipe, mut writer) = log.open().unwrap();
        log.start("r-1", "$LATEST", true);
        writer.write_all("ü".repeat(5000).as_bytes()).unwrap();
        let tail = log.finish(&report(Ending::Answered), || 36).unwrap();
        assert!((4095..=4096).contains(&tail.len()), "{}", tail.len());
        assert!(tail.ends_with("Init Duration: 83.67 ms\t\n"));
    }
}
