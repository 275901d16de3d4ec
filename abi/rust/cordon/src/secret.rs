use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{compiler_fence, Ordering};

/// Bytes that are overwritten when they are dropped. There is no way from a `String`, for what a string left behind
/// can't be wiped.
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over. Copies made before stay where they are.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }

    /// Reads at most `limit` bytes into one place. More than that is an error.
    pub fn read_from(mut source: impl Read, limit: usize) -> io::Result<Secret> {
        // One byte more than is allowed, so that the buffer never grows and leaves a copy behind.
        let mut secret = Secret(vec![0; limit + 1]);
        let mut length = 0;
        loop {
            match source.read(&mut secret.0[length..]) {
                Ok(0) if length <= limit => break,
                Ok(count) if count > 0 => length += count,
                Ok(_) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the secret is too long"));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        secret.0.truncate(length);
        Ok(secret)
    }

    /// Without line feeds and carriage returns at the end, as files have them.
    #[must_use]
    pub fn trim_line_end(mut self) -> Secret {
        while matches!(self.0.last(), Some(b'\n' | b'\r')) {
            self.0.pop();
        }
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Secret {
    /// Overwrites the bytes, and what the vector has behind them.
    fn wipe(&mut self) {
        let start = self.0.as_mut_ptr();
        for offset in 0..self.0.capacity() {
            // Safety: within the vector's own allocation. Volatile: the compiler must not find it useless.
            unsafe { std::ptr::write_volatile(start.add(offset), 0) };
        }
        compiler_fence(Ordering::SeqCst);
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_whole_or_refused() {
        let secret = Secret::read_from(&b"hunter2\r\n"[..], 16).unwrap();
        assert_eq!(secret.trim_line_end().bytes(), b"hunter2");
        assert_eq!(Secret::read_from(&b"0123"[..], 4).unwrap().bytes(), b"0123");
        assert!(Secret::read_from(&b"01234"[..], 4).is_err());
    }

    #[test]
    fn it_is_wiped_with_what_was_cut_off() {
        let mut secret = Secret::new(b"hunter2\n".to_vec()).trim_line_end();
        secret.wipe();
        assert_eq!(secret.bytes(), [0; 7]);
        // Safety: the vector was that long once.
        unsafe { secret.0.set_len(8) };
        assert_eq!(secret.bytes(), [0; 8]);
    }

    #[test]
    fn it_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(…)");
    }
}
