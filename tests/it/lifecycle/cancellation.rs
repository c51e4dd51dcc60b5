//! A client that goes away cancels its query, whatever the query is at: it is recorded as cancelled,
//! its slot is free again, and the engine comes to rest.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sluice_tests::client::{Answer, Caller};
use sluice_tests::gateway::run;
use sluice_tests::process::Server;
use sluice_tests::waiting::until;
use sluice_tests::wire::{Wire, post};
use tokio::task::JoinHandle;

use super::{figure, of_accounts, of_flights, running, wide};

/// How a query is asked, and what it counts as.
struct Asked {
    class: &'static str,
    kind: &'static str,
    path: &'static str,
    body: Value,
}

fn sql(text: &str) -> Asked {
    Asked { class: "heavy", kind: "sql", path: "/v1/sql", body: json!({ "sql": text }) }
}

fn patient() -> Value {
    json!({ "limits": { "query_time_ms_max": 110_000 } })
}

/// A window over which the engine is watched, and the processor time in it that is not rest. Ticks
/// are 10 ms.
const WINDOW: Duration = Duration::from_millis(500);
const BUSY_TICKS: u64 = 12;

async fn comes_to_rest(server: &Server) {
    let last_look = Mutex::new((Instant::now(), server.ticks()));
    until("the engine is at rest", || async {
        let mut last = last_look.lock().unwrap();
        if last.0.elapsed() < WINDOW {
            return None;
        }
        let ticks = server.ticks();
        let spent = ticks - last.1;
        *last = (Instant::now(), ticks);
        (spent <= BUSY_TICKS).then_some(())
    })
    .await;
}

async fn cancelled(caller: &Caller, kind: &str) -> u64 {
    let kind = format!("kind=\"{kind}\"");
    figure(caller, "sluice_queries_total{", &[&kind, "outcome=\"cancelled\""]).await
}

fn ask(server: &Server, asked: &Asked) -> JoinHandle<Answer> {
    let (admin, path, body) = (server.role("admin"), asked.path, asked.body.clone());
    tokio::spawn(async move { admin.post(path, &body).await })
}

/// Asks, goes away when `at` holds, and sees to the three things that must come of it.
async fn leave<F: Future<Output = bool>>(server: &Server, asked: &Asked, at: impl Fn() -> F) {
    let nobody = server.nobody();
    let before = cancelled(&nobody, asked.kind).await;
    let asking = ask(server, asked);
    until("the query is where it is to be left", || async {
        assert!(!asking.is_finished(), "the query ended before it could be left");
        at().await.then_some(())
    })
    .await;
    asking.abort();
    until("the query is recorded as cancelled", || async {
        (cancelled(&nobody, asked.kind).await == before + 1).then_some(())
    })
    .await;
    until("its slot is free", || async { (running(&nobody, asked.class).await == 0).then_some(()) }).await;
    comes_to_rest(server).await;
}

async fn leave_running(name: &str, asked: Asked) {
    let server = Server::start(of_flights(name, patient()).await).await;
    let nobody = server.nobody();
    leave(&server, &asked, || async { running(&nobody, asked.class).await == 1 }).await;
    let _ = server.role("admin").get("/v1/tables/airlines/rows/UA").await.expect_status(200);
}

#[test]
fn a_query_that_is_planned() {
    // Large for the optimizer, nothing to run.
    let relations: Vec<String> = (0..40).map(|at| format!("flights f{at}")).collect();
    let joined: Vec<String> = (1..40).map(|at| format!("f{at}.flight_id = f0.flight_id")).collect();
    let text = format!(
        "select count(*) as n from {} where {} and f0.flight_id < 0",
        relations.join(", "),
        joined.join(" and ")
    );
    run(leave_running("leave-planning", sql(&text)));
}

#[test]
fn a_page_that_is_scanned_for() {
    // Every row is looked at with care, and none is found.
    let filter = "regexp_like(tailnum, '(.*)*x(.*)*y$') and regexp_like(dest, '(.*)*[a-b](.*)*[c-d]$') \
                  and sqrt(cast(distance as double)) * sin(cast(arr_delay as double)) = 0.123";
    let asked = Asked {
        class: "light",
        kind: "select",
        path: "/v1/tables/flights/query",
        body: json!({ "filter": filter, "count": "exact" }),
    };
    run(leave_running("leave-scan", asked));
}

/// The pattern is busy for long on each text, and texts come in batches of hundreds.
#[test]
fn a_query_that_matches_a_pattern() {
    let mut random = StdRng::seed_from_u64(7);
    let text: String = (0..12_000).map(|_| if random.random() { 'a' } else { 'b' }).collect();
    let pattern = "((a|b){0,50}a(a|b){50}){0,5}[c-z]";
    let text =
        format!("select count(*) as n from flights where regexp_like(carrier || '{text}', '{pattern}')");
    run(async {
        let server = Server::start(of_flights("leave-pattern", patient()).await).await;
        let before = server.ticks();
        // Planning takes a fraction of that.
        leave(&server, &sql(&text), || async { server.ticks() > before + 200 }).await;
    });
}

#[test]
fn a_query_that_sorts() {
    let text = "select count(*) as n from (select row_number() over (order by f.dest, a.faa, f.tailnum desc) as r \
                from flights f, airports a) where r > 5";
    run(leave_running("leave-sort", sql(text)));
}

#[test]
fn a_query_that_joins() {
    let text = "select count(*) as n from flights a join flights b on a.month = b.month and a.carrier = b.carrier \
                where a.distance * b.dep_delay > b.distance * a.arr_delay";
    run(leave_running("leave-join", sql(text)));
}

#[test]
fn a_query_that_aggregates() {
    let text = "select f.tailnum, a.faa, count(*) as n, sum(f.distance * a.lat) as s from flights f, airports a \
                group by f.tailnum, a.faa order by n desc, 1, 2 limit 5";
    run(leave_running("leave-aggregation", sql(text)));
}

#[test]
fn an_answer_that_is_encoded() {
    run(async {
        let server = Server::start(of_flights("leave-encoding", patient()).await).await;
        let nobody = server.nobody();
        let asked = sql("select * from flights where month <= 3");
        let began = || async { running(&nobody, "heavy").await == 1 };
        let seen_running = Mutex::new(false);
        // The slot is free as soon as the rows are there; what is left is to write them.
        let encodes = || async {
            let runs = began().await;
            let mut seen = seen_running.lock().unwrap();
            let over = *seen && !runs;
            *seen |= runs;
            over
        };
        leave(&server, &asked, encodes).await;
    });
}

#[test]
fn an_answer_that_is_read_halfway() {
    run(async {
        let limits = json!({ "limits": { "connections_max": 2 } });
        let server = Server::start(wide(of_accounts("leave-reading", patient()).with(limits))).await;
        let request = post("/v1/sql", &server.token("admin"), "{\"sql\":\"select * from wide\"}");
        let mut reader = Wire::open(server.addr()).await;
        assert!(reader.send(&request).await);
        let head = reader.head().await;
        assert_eq!((head.status, reader.exactly(100_000).await.len()), (200, 100_000));
        drop(reader);
        // The connection, and with it what was left of the answer, is gone: both places are free.
        until("the connection is given up", || async {
            let (mut one, mut two) = (Wire::open(server.addr()).await, Wire::open(server.addr()).await);
            let health = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
            let _ = (one.send(health).await, two.send(health).await);
            (!one.some(1).await.is_empty() && !two.some(1).await.is_empty()).then_some(())
        })
        .await;
        comes_to_rest(&server).await;
    });
}
