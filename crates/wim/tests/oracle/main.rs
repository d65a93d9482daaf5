//! What wimlib makes and says of WIM files, compared with what this library reads. Tests that need
//! `wimlib-imagex` print a line and pass where it is missing, unless `NANOVHD_REQUIRE_TOOLS=1`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it skips")]

#[path = "../../src/testing.rs"]
#[expect(dead_code, reason = "the unit tests use the rest")]
mod builder;
mod captured;
mod corpus;
mod listing;
mod packed;
mod sample;
mod tool;
