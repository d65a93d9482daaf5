//! Images that others made, judged by what others read. Tests of programs that are missing print a line and pass;
//! they fail where `NANOVHD_REQUIRE_TOOLS=1`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bytes_read;
mod committed;
mod cut;
mod find;
mod large;
mod made;
mod others;
mod support;
