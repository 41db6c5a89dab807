//! Lambda: the Runtime API, the Invoke API and the local processes.
