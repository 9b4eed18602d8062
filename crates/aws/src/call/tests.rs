#![expect(clippy::result_large_err, reason = "the error type is the SDK's own")]

use std::sync::Mutex;

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use tokio::time::Instant;

use super::*;
use crate::Count;

type Answer = Result<&'static str, SdkError<ErrorMetadata, HttpResponse>>;

fn failing(status: u16) -> Answer {
    let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    Err(SdkError::service_error(ErrorMetadata::builder().build(), response))
}

fn refused() -> Answer {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    Err(SdkError::dispatch_failure(ConnectorError::io(refused.into())))
}

/// Makes one call that meets `answers` one after the other.
async fn call(caller: &Caller, answers: Vec<Answer>) -> (Result<&'static str, CallError>, Tries) {
    let answers = Mutex::new(answers.into_iter());
    caller.call("PutObject", || std::future::ready(answers.lock().unwrap().next().unwrap())).await
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_tried_again_and_every_try_is_counted() {
    let caller = Caller::default().to("S3");
    let (result, tries) = call(&caller, vec![failing(429), failing(503), Ok("done")]).await;
    assert_eq!(result.unwrap(), "done");
    assert_eq!(tries, Tries { count: 3, ambiguous: true });
    let put = Operation { service: "S3", name: "PutObject" };
    assert_eq!(caller.calls().by_operation(), [(put, Count { sent: 3, retries: 2 })].into());
}

#[tokio::test(start_paused = true)]
async fn a_stretch_is_counted_from_0_and_for_the_whole_step() {
    let caller = Caller::default();
    call(&caller, vec![Ok("done")]).await.0.unwrap();
    let stretch = caller.counting_anew();
    call(&stretch.for_cleanup(), vec![failing(503), Ok("done")]).await.0.unwrap();
    assert_eq!((stretch.calls().total(), caller.calls().total()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_answer_is_told_from_a_conflict_at_first_sight() {
    let caller = Caller::default();
    let (result, tries) = call(&caller, vec![failing(412)]).await;
    assert_eq!(result.unwrap_err().fault, Fault::Precondition);
    assert!(!tries.ambiguous);

    let (result, tries) = call(&caller, vec![failing(500), failing(412)]).await;
    assert_eq!(result.unwrap_err().fault, Fault::Precondition);
    assert!(tries.ambiguous);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_never_left_the_machine_makes_nothing_ambiguous() {
    let (result, tries) = call(&Caller::default(), vec![refused(), failing(412)]).await;
    assert_eq!(result.unwrap_err().fault, Fault::Precondition);
    assert_eq!(tries, Tries { count: 2, ambiguous: false });
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_last_error() {
    let started = Instant::now();
    let (result, tries) = Caller::default().call("GetObject", || std::future::ready(failing(503))).await;
    assert_eq!(result.unwrap_err().fault, Fault::Server);
    assert!(tries.count > 5 && started.elapsed() <= RetryPolicy::default().patience);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_step_starts_no_call() {
    let caller = Caller::default();
    caller.cancel().cancel();
    let (result, tries) = call(&caller, vec![]).await;
    assert_eq!(result.unwrap_err().fault, Fault::Interrupted);
    assert_eq!(tries.count, 0);

    let (result, _) = call(&caller.for_cleanup(), vec![Ok("cleaned up")]).await;
    assert_eq!(result.unwrap(), "cleaned up");
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_may_finish_when_the_step_is_stopped_and_a_stuck_one_is_cut_off() {
    let caller = Caller::default();
    let nearly_done = caller.call("UpdateTable", || async {
        caller.cancel().cancel();
        tokio::time::sleep(GRACE / 2).await;
        Answer::Ok("committed")
    });
    assert_eq!(nearly_done.await.0.unwrap(), "committed");

    let caller = Caller::default();
    let stuck = caller.call("UpdateTable", || async {
        caller.cancel().cancel();
        std::future::pending::<Answer>().await
    });
    let (result, tries) = stuck.await;
    assert_eq!(result.unwrap_err().applied, Applied::Maybe);
    assert!(tries.ambiguous);
}
