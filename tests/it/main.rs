//! The hermetic tests: one binary, one module per subject.
