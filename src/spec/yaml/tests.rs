//! What the loader reads, and every fault that it finds.
