create table events (
  session_id text not null,
  seq integer not null,
  timestamp text not null,
  type text not null,
  turn_id text not null,
  item_id text not null,
  envelope text not null,
  primary key (session_id, seq)
) strict, without rowid;

create index events_of_a_turn on events (session_id, turn_id, seq);

-- The last seq ever given, so that none is given twice after old events were dropped.
create table last_seq (
  session_id text primary key,
  seq integer not null
) strict, without rowid;

create table codex_event_checkpoints (
  consumer text not null,
  session_id text not null,
  byte_offset integer not null,
  -- An inode can be larger than SQLite's whole numbers.
  inode text not null,
  line integer not null,
  time integer not null,
  primary key (consumer, session_id)
) strict, without rowid;

create table outbox (
  message_id text primary key,
  session_id text not null,
  position integer not null,
  state text not null,
  receipt text not null
) strict, without rowid;

create index outbox_of_a_session on outbox (session_id, position);
