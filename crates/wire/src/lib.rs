//! Bytes and text to domain and back. Pure functions: no I/O, no clock, no runtime.

pub mod websocket;
