//! W6: requests through everything that stands before an operation (sign-in, permissions, limits, headers), beside a
//! server that only says hello. All are measured in turns, so that what else goes on befalls each alike.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::client::{Client, Request};
use crate::fsync::Disk;
use crate::report::{Report, Section, Target};
use crate::samples::Samples;
use crate::server::{ADMIN, Server};
use crate::store::Home;
use crate::{documents, load, w1};

/// How often each has its turn.
const TURNS: u32 = 3;

/// Load before each measured time, so that caches and connections are there.
const WARM_UP: Duration = Duration::from_millis(500);

/// What of the throughput of saying hello a signed-in read keeps.
const KEPT: f64 = 0.5;

/// A request, and what became of it.
struct Course<'a> {
    name: &'static str,
    server: &'a Server,
    request: Request,
    samples: Samples,
    took: Duration,
    /// The server's.
    cpu: Duration,
}

pub(crate) async fn run(home: &Home, disk: &mut Disk, time: Duration, report: &mut Report) -> anyhow::Result<()> {
    let hello = Server::hello(home.folder()).await?;
    let weir = home.serve("").await?;
    let mut client = weir.client().await?;
    let token = sign_in(&mut client).await?;
    let key = make_key(&weir, &token).await?;
    let workflow = client.publish(&documents::steps(1)).await?;
    let workflow = format!("/api/v1/workflows/{workflow}");
    let execute = format!("{workflow}/execute");
    let ended = client.json("POST", &format!("{execute}?wait=30"), Some(&json!({}))).await?;
    ensure!(ended["status"] == "completed", "an execution of W6 did not complete: {ended}");
    let execution = ended["execution_id"].as_str().or(ended["id"].as_str()).context("an execution has an id")?;
    let execution = format!("/api/v1/executions/{execution}");

    let ask = |name, key: &str, path: &str| Course::new(name, &weir, Request::new(key, "GET", path, None));
    let mut courses = [
        Course::new("hello", &hello, Request::new("", "GET", "/hello", None)),
        ask("GET ended execution, token", &token, &execution),
        ask("GET workflow, token", &token, &workflow),
        ask("GET workflow, API key", &key, &workflow),
        Course::new("POST execute, token", &weir, Request::new(&token, "POST", &execute, Some(&json!({})))),
    ];
    for _ in 0..TURNS {
        for course in &mut courses {
            course.run(time / TURNS).await?;
            // What was begun is no part of the next turn.
            w1::drained(&mut weir.client().await?).await?;
        }
    }

    disk.try_again()?;
    let mut section = report.section("W6", Some(home.store));
    let [hello, reads @ .., starts] = &mut courses;
    hello.tell(&mut section);
    for read in reads {
        read.tell(&mut section);
        read.compare(hello, Some(Target::AtLeast(KEPT)), &mut section);
    }
    starts.tell(&mut section);
    starts.compare(hello, None, &mut section);
    Ok(())
}

impl<'a> Course<'a> {
    fn new(name: &'static str, server: &'a Server, request: Request) -> Self {
        Self { name, server, request, samples: Samples::default(), took: Duration::ZERO, cpu: Duration::ZERO }
    }

    async fn run(&mut self, time: Duration) -> anyhow::Result<()> {
        let put = |time| load::put(self.server.address, self.request.clone(), time);
        put(WARM_UP).await.with_context(|| self.name.to_owned())?;
        let (begun, cpu) = (Instant::now(), self.server.cpu_time()?);
        let samples = put(time).await?;
        self.took += begun.elapsed();
        self.cpu += self.server.cpu_time()?.saturating_sub(cpu);
        self.samples.extend(samples);
        Ok(())
    }

    fn per_second(&self) -> f64 {
        self.samples.count() as f64 / self.took.as_secs_f64()
    }

    fn tell(&mut self, section: &mut Section<'_>) {
        let name = self.name;
        section.add(format!("{name}: requests"), self.per_second(), "1/s");
        section.add(format!("{name}: P50"), self.samples.percentile_ms(0.5), "ms");
        section.add(format!("{name}: P99"), self.samples.percentile_ms(0.99), "ms");
        let cpu = self.cpu.as_secs_f64() * 1e6 / self.samples.count() as f64;
        section.add(format!("{name}: server's processor time"), cpu, "us");
    }

    fn compare(&self, hello: &Self, target: Option<Target>, section: &mut Section<'_>) {
        let name = format!("{}: ratio to hello", self.name);
        let ratio = self.per_second() / hello.per_second();
        match target {
            Some(target) => section.judge(name, ratio, "", target),
            None => section.add(name, ratio, ""),
        }
    }
}

/// An access token of the admin.
pub(crate) async fn sign_in(client: &mut Client) -> anyhow::Result<String> {
    let body = json!({ "email": ADMIN.0, "password": ADMIN.1 });
    let tokens = client.json("POST", "/api/v1/auth/login", Some(&body)).await?;
    tokens["access_token"].as_str().map(str::to_owned).context("signing in gives a token")
}

/// An API key of whoever has this token, which may read workflows.
async fn make_key(server: &Server, token: &str) -> anyhow::Result<String> {
    let mut client = Client::connect(server.address, token).await?;
    let body = json!({ "name": "Measured", "scopes": ["workflow:read"] });
    let made = client.json("POST", "/api/v1/api-keys", Some(&body)).await?;
    made["key"].as_str().map(str::to_owned).context("a new key is shown")
}
