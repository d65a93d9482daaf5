//! Stores that Windows made, and ours as software that others wrote reads them.
//!
//! Samples are read from beside the checkout. What needs a missing sample or tool prints a line and
//! passes; a missing tool fails where `NANOVHD_REQUIRE_TOOLS=1`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

mod diagnostics;
mod dump;
mod edits;
mod hostile;
mod judged;
mod made;
mod printed;
mod samples;
mod support;
mod template;
