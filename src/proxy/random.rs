//! Random numbers of two kinds: those that nobody may guess, and those that nobody gains by guessing.

/// Random bytes that nobody can guess, taken from a store of the thread: each call of the generator costs as much as a hundred bytes.
pub(crate) fn secret_bytes<const N: usize>() -> Option<[u8; N]> {
    use std::cell::RefCell;
    const STORE: usize = 1024;
    thread_local! {
        static LEFT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    LEFT.with_borrow_mut(|left| {
        if left.len() < N {
            left.resize(STORE, 0);
            if aws_lc_rs::rand::fill(left).is_err() {
                left.clear();
            }
        }
        let rest = left.len().checked_sub(N)?;
        let bytes = left[rest..].try_into().ok();
        left.truncate(rest);
        bytes
    })
}

/// Bits for choices that nobody gains by guessing: xorshift64*, one state per thread.
pub(crate) fn random() -> u64 {
    use std::cell::Cell;
    thread_local! {
        static STATE: Cell<u64> = Cell::new({
            let mut seed = [0; 8];
            match aws_lc_rs::rand::fill(&mut seed) {
                Ok(()) => u64::from_ne_bytes(seed) | 1,
                Err(_) => crate::proxy::clock::now() | 1,
            }
        });
    }
    STATE.with(|state| {
        let mut bits = state.get();
        bits ^= bits >> 12;
        bits ^= bits << 25;
        bits ^= bits >> 27;
        state.set(bits);
        bits.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}
