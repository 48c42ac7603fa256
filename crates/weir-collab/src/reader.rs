//! Reading what lib0 has encoded, without believing any length in it.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// It is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The largest number a JavaScript client can have meant.
const MAX_SAFE: u64 = (1 << 53) - 1;

impl<'a> Reader<'a> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of up to 53 bits, seven to a byte.
    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number: u64 = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if number <= MAX_SAFE { Ok(number) } else { Err(Malformed("a number is too large")) };
            }
        }
        Err(Malformed("a number is too large"))
    }

    /// The number of things that follow, of which each takes at least a byte.
    pub(crate) fn count(&mut self) -> Result<u64, Malformed> {
        let count = self.number()?;
        if count > self.0.len() as u64 { Err(Malformed("it ends too early")) } else { Ok(count) }
    }

    /// A place in the history of a client, or a length in it.
    pub(crate) fn clock(&mut self) -> Result<u32, Malformed> {
        let clock = u32::try_from(self.number()?).unwrap_or(u32::MAX);
        if clock <= MAX_CLOCK { Ok(clock) } else { Err(Malformed("a clock is too large")) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// Skips a signed number, whose first byte holds six bits.
    pub(crate) fn signed(&mut self) -> Result<(), Malformed> {
        let mut byte = self.byte()?;
        for _ in 0..9 {
            if byte & 0x80 == 0 {
                return Ok(());
            }
            byte = self.byte()?;
        }
        Err(Malformed("a number is too large"))
    }
}

/// The CRDT calculates with 32 signed bits.
pub(crate) const MAX_CLOCK: u32 = i32::MAX as u32 / 2;

/// Appends a number as [`Reader::number`] reads it.
pub(crate) fn write_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Appends bytes as [`Reader::bytes`] reads them.
pub(crate) fn write_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    write_number(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}
