//! Members of live documents over WebSockets: some write at a steady pace, all move their cursors and watch when what
//! others wrote arrives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::try_join_all;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};

use crate::samples::Samples;
use crate::socket::{Frame, Socket};
use crate::yjs::{ASK_FOR_ALL, NOTHING_TO_TELL, Presence, Stamp, Writer};

/// Connections that are opened at once.
const AT_ONCE: usize = 50;

/// From one edit of a writer to its next.
const PACE: Duration = Duration::from_secs(1);

/// How long members wait for the last edits when no more are made.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seats {
    pub(crate) documents: usize,
    /// Connections a document.
    pub(crate) members: usize,
    /// How many of these write.
    pub(crate) writers: usize,
    /// From one movement of a member's cursor to its next.
    pub(crate) movement: Duration,
}

/// Connected members.
#[derive(Debug)]
pub(crate) struct Crowd {
    members: JoinSet<anyhow::Result<Heard>>,
    course: watch::Sender<Course>,
    /// What the times in the edits count from.
    epoch: Instant,
    /// The edits that each writer has made.
    made: Arc<[AtomicU32]>,
    /// A permit of each member that has done what it was told.
    done: Arc<Semaphore>,
}

/// What members do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Only read.
    Still,
    /// Write; count the edits made after so many nanoseconds.
    Write {
        counted_after: u64,
    },
    /// No longer write; say so.
    Stop {
        counted_after: u64,
    },
    /// Read until everything has arrived; say so.
    Settle {
        counted_after: u64,
    },
    Leave,
}

impl Course {
    /// Which edits count: those made after so many nanoseconds.
    const fn counted_after(self) -> u64 {
        match self {
            Self::Still | Self::Leave => u64::MAX,
            Self::Write { counted_after } | Self::Stop { counted_after } | Self::Settle { counted_after } => {
                counted_after
            }
        }
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// From making an edit to seeing it, of every edit that came to somebody else.
    pub(crate) propagation: Samples,
    /// Members that had not seen the last edits of all writers when nothing came any more.
    pub(crate) behind: usize,
    /// From the last edit until all had seen it.
    pub(crate) settled: Duration,
}

impl Crowd {
    /// Connects them all. `paths` are those of the documents.
    pub(crate) async fn gather(address: SocketAddr, paths: &[String], key: &str, seats: Seats) -> anyhow::Result<Self> {
        let (course, watched) = watch::channel(Course::Still);
        let writers = u32::try_from(paths.len() * seats.writers)?;
        let made: Arc<[AtomicU32]> = (0..writers).map(|_| AtomicU32::new(0)).collect();
        let done = Arc::new(Semaphore::new(0));
        let mut crowd = Self { members: JoinSet::new(), course, epoch: Instant::now(), made, done };
        let places: Vec<_> =
            (0..seats.members).flat_map(|seat| paths.iter().enumerate().map(move |at| (seat, at))).collect();
        for places in places.chunks(AT_ONCE) {
            let sockets = places.iter().map(|(_, (_, path))| Socket::open(address, path, key));
            for (mut socket, (seat, (document, _))) in try_join_all(sockets).await?.into_iter().zip(places) {
                let mut presence = Presence::new(crowd.members.len());
                for frame in [ASK_FOR_ALL, NOTHING_TO_TELL, &presence.moved()] {
                    socket.send(frame).await?;
                }
                let first = u32::try_from(document * seats.writers)?;
                let member = Member {
                    socket,
                    writer: (*seat < seats.writers).then(|| Writer::new(first + *seat as u32)),
                    presence,
                    movement: seats.movement,
                    first,
                    seen: vec![0; seats.writers],
                    made: Arc::clone(&crowd.made),
                    done: Arc::clone(&crowd.done),
                    epoch: crowd.epoch,
                    heard: Heard::default(),
                };
                crowd.members.spawn(member.take_part(watched.clone(), f64::from(writers)));
            }
        }
        Ok(crowd)
    }

    /// Lets writers write for so long.
    pub(crate) async fn warm_up(&self, time: Duration) {
        self.course.send_replace(Course::Write { counted_after: u64::MAX });
        tokio::time::sleep(time).await;
    }

    /// Lets them write on, and counts the edits; how many there were.
    pub(crate) async fn write(&self, time: Duration) -> u32 {
        let made = || self.made.iter().map(|made| made.load(Ordering::Relaxed)).sum::<u32>();
        let before = made();
        self.course.send_replace(Course::Write { counted_after: nanos(self.epoch) });
        tokio::time::sleep(time).await;
        made() - before
    }

    /// Ends the writing, and waits until all have seen everything. Fails if a connection broke.
    pub(crate) async fn end(mut self) -> anyhow::Result<Heard> {
        let ended = Instant::now();
        let counted_after = self.course.borrow().counted_after();
        for course in [Course::Stop { counted_after }, Course::Settle { counted_after }] {
            self.course.send_replace(course);
            // Nobody leaves before: what a server has not read of somebody who is gone, it may never read.
            let all = self.done.acquire_many(u32::try_from(self.members.len())?);
            if let Ok(all) = tokio::time::timeout(PATIENCE, all).await {
                all?.forget();
            }
        }
        let settled = ended.elapsed();
        self.course.send_replace(Course::Leave);
        let mut all = Heard { settled, ..Heard::default() };
        while let Some(member) = self.members.join_next().await {
            let heard = member.context("a member broke")??;
            all.propagation.extend(heard.propagation);
            all.behind += heard.behind;
        }
        Ok(all)
    }
}

struct Member {
    socket: Socket,
    writer: Option<Writer>,
    presence: Presence,
    movement: Duration,
    /// The first writer of this document.
    first: u32,
    /// The latest edit seen of each writer of this document.
    seen: Vec<u32>,
    made: Arc<[AtomicU32]>,
    done: Arc<Semaphore>,
    epoch: Instant,
    heard: Heard,
}

impl Member {
    async fn take_part(mut self, mut watched: watch::Receiver<Course>, writers: f64) -> anyhow::Result<Heard> {
        let (mut pace, mut movement, mut done) = (None, None, None);
        loop {
            let course = *watched.borrow_and_update();
            match course {
                Course::Write { .. } if movement.is_none() => {
                    pace = self.writer.as_ref().map(|writer| steady(PACE, f64::from(writer.writer()) / writers));
                    movement = Some(steady(self.movement, rand::random()));
                }
                Course::Stop { .. } if done != Some(course) => {
                    (pace, movement, done) = (None, None, Some(course));
                    self.done.add_permits(1);
                }
                Course::Settle { .. } if done != Some(course) && self.has_all() => {
                    done = Some(course);
                    self.done.add_permits(1);
                }
                Course::Leave => {
                    self.heard.behind = usize::from(!self.has_all());
                    return Ok(self.heard);
                }
                _ => {}
            }
            tokio::select! {
                frame = self.socket.next() => match frame? {
                    Frame::Data(frame) => self.note(&frame, course),
                    Frame::Ping(payload) => self.socket.pong(&payload).await?,
                },
                () = tick(&mut pace) => self.edit().await?,
                () = tick(&mut movement) => self.socket.send(&self.presence.moved()).await?,
                changed = watched.changed() => changed.context("the crowd was given up")?,
            }
        }
    }

    async fn edit(&mut self) -> anyhow::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let (stamp, frame) = writer.edit(nanos(self.epoch));
        self.socket.send(&frame).await?;
        // Whoever writes has it.
        self.seen[(stamp.writer - self.first) as usize] = stamp.number;
        self.made[stamp.writer as usize].store(stamp.number, Ordering::Relaxed);
        Ok(())
    }

    fn note(&mut self, frame: &[u8], course: Course) {
        let now = nanos(self.epoch);
        for stamp in Stamp::find(frame) {
            let Some(seen) = self.seen.get_mut(stamp.writer.wrapping_sub(self.first) as usize) else { continue };
            // Some servers also send to the one who wrote; and what is sent again is no news.
            if stamp.number <= *seen {
                continue;
            }
            *seen = stamp.number;
            if stamp.nanos >= course.counted_after() {
                self.heard.propagation.add(Duration::from_nanos(now.saturating_sub(stamp.nanos)));
            }
        }
    }

    fn has_all(&self) -> bool {
        let made = &self.made[self.first as usize..][..self.seen.len()];
        self.seen.iter().zip(made).all(|(seen, made)| *seen >= made.load(Ordering::Relaxed))
    }
}

/// Begins after a share of the first period, so that what many do comes evenly.
fn steady(period: Duration, share: f64) -> Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + period.mul_f64(share), period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The next time of it; never, without one.
async fn tick(pace: &mut Option<Interval>) {
    match pace {
        Some(pace) => drop(pace.tick().await),
        None => std::future::pending().await,
    }
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_edit_is_seen_by_every_other_member_of_its_document() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::y_websocket(folder.path()).await.unwrap();
        let paths: Vec<_> = (0..3).map(|document| format!("/document_{document}")).collect();
        let seats = Seats { documents: paths.len(), members: 4, writers: 2, movement: Duration::from_millis(100) };
        let crowd = Crowd::gather(server.address, &paths, "", seats).await.unwrap();
        crowd.warm_up(Duration::from_millis(1500)).await;
        let edits = crowd.write(Duration::from_secs(2)).await as usize;
        let heard = crowd.end().await.unwrap();
        assert!((10..=14).contains(&edits), "six writers for two seconds: {edits}");
        // An edit at the very end may not have been counted as made, or one at the beginning as heard.
        assert!(heard.propagation.count().abs_diff(edits * 3) <= 6, "{} of {edits} edits", heard.propagation.count());
        assert_eq!(heard.behind, 0);
    }
}
