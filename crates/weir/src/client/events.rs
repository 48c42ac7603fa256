//! Server-sent events, frame by frame.

use std::collections::VecDeque;

use reqwest::Response;

/// The longest frame that is read, in bytes.
const LONGEST_FRAME: usize = 16 * 1024 * 1024;

/// One event of the stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: Option<u64>,
    pub(crate) event: String,
    pub(crate) data: String,
}

/// The frames of a response.
pub(crate) struct Frames {
    response: Response,
    reader: Reader,
}

impl Frames {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, reader: Reader::default() }
    }

    /// The next frame; `None` when the stream ends.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.reader.frames.pop_front() {
                return Ok(Some(frame));
            }
            match self.response.chunk().await? {
                Some(piece) => self.reader.read(&piece)?,
                None => return Ok(None),
            }
        }
    }
}

/// Puts pieces of the stream together.
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    frame: Frame,
    frames: VecDeque<Frame>,
}

impl Reader {
    fn read(&mut self, piece: &[u8]) -> anyhow::Result<()> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            anyhow::ensure!(self.line.len() + self.frame.data.len() <= LONGEST_FRAME, "an event is too long");
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) {
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            // A comment alone is a sign of life and no event.
            if !frame.event.is_empty() {
                self.frames.push_back(frame);
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.frame.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                if !self.frame.data.is_empty() {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let stream = b":\n\nid: 7\nevent: journal\ndata: {\"a\":\ndata: 1}\r\n\nevent: end\ndata: {}\n\nevent: half\n";
        let frame = |id, event: &str, data: &str| Frame { id, event: event.to_owned(), data: data.to_owned() };
        let wanted = [frame(Some(7), "journal", "{\"a\":\n1}"), frame(None, "end", "{}")];
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            stream.chunks(size).for_each(|piece| reader.read(piece).unwrap());
            assert_eq!(reader.frames, wanted, "{size}");
        }
    }
}
