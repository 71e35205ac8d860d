//! Every schedule of each model; see the crate.

use copilot_models::{inboxes, outboxes, relay, server};

macro_rules! models {
    ($($name:ident: $model:expr;)*) => {
        $(
            #[test]
            fn $name() {
                $model;
            }
        )*
    };
}

models! {
    inbox_loses_no_event_of_one_writer: inboxes::no_event_is_lost(1, 3);
    inbox_loses_no_event_of_two_writers: inboxes::no_event_is_lost(2, 1);
    outbox_runs_all_jobs_of_one_loop: outboxes::whoever_is_first_flushes_for_all(1, 3);
    outbox_runs_all_jobs_of_two_loops: outboxes::whoever_is_first_flushes_for_all(2, 1);
    relay_is_woken_by_a_stop: relay::a_stop_wakes_a_silent_relay();
    relay_sees_the_first_stop: relay::the_first_stop_counts();
    relay_tells_its_end_once: relay::the_end_is_told_once();
    r33_relay_bytes_ahead_arrive_in_order: relay::bytes_ahead_arrive_in_order(2);
    r33_relay_reader_is_told_once: relay::a_reader_is_told_once_for_each_question();
    r50_drain_wakes_every_connection: server::r50_a_drain_wakes_every_connection(2);
    r50_abort_wakes_who_drains: server::r50_an_abort_wakes_who_drains();
    r50_stage_is_never_taken_back: server::r50_a_stage_is_never_taken_back();
    r33_body_loses_nothing: server::r33_a_body_waits_for_room_and_loses_nothing(3);
    r26_application_learns_that_the_client_went: server::r26_an_application_learns_that_the_client_went();
    r21_broken_body_never_looks_whole: server::r21_a_broken_body_never_looks_whole();
}
