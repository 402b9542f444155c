-- Beside the last seq: the state that all events up to it come to, and which reducer says so.
-- Reducer 0 is none; then the state is made from the events.
alter table last_seq rename to standing;

alter table standing add column reducer integer not null default 0;

alter table standing add column state text not null default '';
