//! Chunks that wimlib compressed.
