//! W7: live documents that many edit at once, over WebSockets, beside the reference server of y-websocket, which keeps
//! its documents in memory. Measured is the time from an edit until another member of the document has it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::crowd::{Crowd, Heard, Seats};
use crate::report::{Report, Section, Target};
use crate::server::Server;
use crate::store::Home;
use crate::{documents, open_files, w6};

/// Members and writers of each document of many.
const MEMBERS: usize = 10;
const WRITERS: usize = 2;

/// Members of the one document that all write to, or where all move their cursors.
const CROWDED: usize = 100;

/// Clients say that they are still there this often.
const STILL_THERE: Duration = Duration::from_secs(15);

/// A cursor that moves is told of this often.
const MOVING: Duration = Duration::from_millis(200);

/// Writing before the measured time, so that buffers have their size.
const WARM_UP: Duration = Duration::from_secs(3);

/// Milliseconds within which 95 of 100 edits are to be with everybody else.
const P95: f64 = 50.0;

/// Memory that a connection may cost the server, in KiB.
const MEMORY: f64 = 40.0;

/// What a server did for a crowd.
struct Measured {
    connected: Duration,
    edits_per_second: f64,
    /// Of what everybody else should have been sent.
    arrived: f64,
    heard: Heard,
    /// Of the server, a connection, in KiB; only where there are many.
    memory: Option<f64>,
    /// In processors.
    cpu: f64,
}

pub(crate) async fn run(home: &Home, connections: usize, time: Duration, report: &mut Report) -> anyhow::Result<()> {
    open_files::allow(connections)?;
    let documents = (connections / MEMBERS).max(1);
    let many = Seats { documents, members: MEMBERS, writers: WRITERS, movement: STILL_THERE };
    let hot = Seats { documents: 1, members: CROWDED, writers: CROWDED, movement: STILL_THERE };
    let storm = Seats { documents: 1, members: CROWDED, writers: WRITERS, movement: MOVING };
    for (scene, seats) in [("many", many), ("hot", hot), ("storm", storm)] {
        let mut others = y_websocket(home.folder(), seats, time).await.context("y-websocket")?;
        let mut ours = weir(home, seats, time).await?;
        let mut section = report.section("W7", Some(home.store));
        others.tell(&format!("{scene}, y-websocket"), &mut section);
        ours.tell(&format!("{scene}, Weir"), &mut section);
        let name = |what| format!("{scene}, Weir: {what}");
        let p95 = ours.heard.propagation.percentile_ms(0.95);
        section.judge(name("P95 of propagation"), p95, "ms", Target::AtMost(P95));
        let ratio = p95 / others.heard.propagation.percentile_ms(0.95);
        section.judge(name("P95: ratio to y-websocket"), ratio, "", Target::AtMost(1.0));
        section.judge(name("members that missed edits"), ours.heard.behind as f64, "", Target::AtMost(0.0));
        if let Some(memory) = ours.memory {
            section.judge(name("memory a connection"), memory, "KiB", Target::AtMost(MEMORY));
        }
    }
    Ok(())
}

async fn y_websocket(folder: &Path, seats: Seats, time: Duration) -> anyhow::Result<Measured> {
    let server = Server::y_websocket(folder).await?;
    let memory = server.memory_kib("VmRSS")?;
    let paths: Vec<_> = (0..seats.documents).map(|document| format!("/document_{document}")).collect();
    Measured::of(&server, memory, &paths, "", seats, time).await
}

async fn weir(home: &Home, seats: Seats, time: Duration) -> anyhow::Result<Measured> {
    let server = home.serve("").await?;
    // Before anybody signed in: what a password is proved with is given back later, and would hide what follows.
    let memory = server.memory_kib("VmRSS")?;
    let mut client = server.client().await?;
    let mut paths = Vec::with_capacity(seats.documents);
    for _ in 0..seats.documents {
        let created =
            client.json("POST", "/api/v1/workflows", Some(&json!({ "document": documents::steps(1) }))).await?;
        let id = created["id"].as_str().context("a workflow has an id")?;
        paths.push(format!("/api/v1/workflows/{id}/collab"));
    }
    let token = w6::sign_in(&mut client).await?;
    Measured::of(&server, memory, &paths, &token, seats, time).await
}

impl Measured {
    /// `before` is the server's memory without documents and members.
    async fn of(
        server: &Server,
        before: f64,
        paths: &[String],
        key: &str,
        seats: Seats,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let crowd = Crowd::gather(server.address, paths, key, seats).await?;
        let connected = begun.elapsed();
        crowd.warm_up(WARM_UP).await;
        let (begun, cpu) = (Instant::now(), server.cpu_time()?);
        let edits = f64::from(crowd.write(time).await);
        let (took, cpu) = (begun.elapsed().as_secs_f64(), server.cpu_time()?.saturating_sub(cpu));
        let memory = server.memory_kib("VmRSS")? - before;
        let heard = crowd.end().await?;
        Ok(Self {
            connected,
            edits_per_second: edits / took,
            arrived: heard.propagation.count() as f64 / (edits * (seats.members - 1) as f64),
            heard,
            memory: (seats.documents > 1).then(|| memory / (seats.documents * seats.members) as f64),
            cpu: cpu.as_secs_f64() / took,
        })
    }

    fn tell(&mut self, name: &str, section: &mut Section<'_>) {
        section.add(format!("{name}: all connected after"), self.connected.as_secs_f64(), "s");
        section.add(format!("{name}: edits"), self.edits_per_second, "1/s");
        for (percentile, share) in [("P50", 0.5), ("P95", 0.95), ("P99", 0.99)] {
            section.add(format!("{name}: propagation {percentile}"), self.heard.propagation.percentile_ms(share), "ms");
        }
        section.add(format!("{name}: arrived"), self.arrived * 100.0, "%");
        section.add(format!("{name}: all had all after"), self.heard.settled.as_secs_f64() * 1e3, "ms");
        if let Some(memory) = self.memory {
            section.add(format!("{name}: memory a connection"), memory, "KiB");
        }
        section.add(format!("{name}: processors of the server"), self.cpu, "");
    }
}
